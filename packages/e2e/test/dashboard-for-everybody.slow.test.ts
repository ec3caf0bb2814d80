import { assertAccessible, dashboardOf, PAGES } from "../src/dashboard.js";
import { startGatedRun } from "../src/gated-run.js";

describe("the dashboard for everybody", function () {
  this.timeout(300_000);
  const dashboard = dashboardOf({ engine: "scripted", slots: 2 });

  for (const colorScheme of ["light", "dark"] as const) {
    it(`has nothing that keeps people out, by axe, on any page in ${colorScheme} colours`, async () => {
      const run = await startGatedRun(dashboard.world, dashboard.client);
      const page = await dashboard.visit("/", { options: { colorScheme } });
      for (const path of [...Object.values(PAGES), `/tasks/${run.id}`]) {
        await page.goto(path);
        await page.getByRole("heading", { level: 1 }).waitFor();
        await assertAccessible(page);
      }
      await page.keyboard.press("Control+k");
      await page.getByRole("dialog").waitFor();
      await assertAccessible(page);
      await page.keyboard.press("Escape");
      await page.getByRole("button", { name: "Emergency stop" }).click();
      await assertAccessible(page);
      await run.end();
    });
  }

  it("asks for a new sign-in when the old one has expired, and comes back to the same address", async () => {
    const page = await dashboard.open("/tasks?state=FAILED");
    await dashboard.signIn({ ttlSeconds: 15 });
    await page.getByText("Your sign-in has ended.").waitFor();
    await dashboard.signIn();
    await dashboard.addressIs("/tasks?state=FAILED");
  });
});
