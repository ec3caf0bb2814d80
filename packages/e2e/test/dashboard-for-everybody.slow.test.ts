import { assertAccessible, dashboardOf, PAGES, PHONE } from "../src/dashboard.js";
import { startGatedRun } from "../src/gated-run.js";

describe("the dashboard for everybody", function () {
  this.timeout(300_000);
  const dashboard = dashboardOf({ engine: "scripted", slots: 2 });

  for (const [where, options] of [
    ["in light colours", { colorScheme: "light" }],
    ["in dark colours", { colorScheme: "dark" }],
    ["in Japanese, in dark colours, on a phone", { colorScheme: "dark", locale: "ja-JP", viewport: PHONE }],
  ] as const) {
    it(`has nothing that keeps people out, by axe, on any page ${where}`, async () => {
      const run = await startGatedRun(dashboard.world, dashboard.client);
      const page = await dashboard.visit("/", { options });
      for (const path of [...Object.values(PAGES), `/tasks/${run.id}`]) {
        await page.goto(path);
        await page.getByRole("heading", { level: 1 }).waitFor();
        await assertAccessible(page);
      }
      await page.keyboard.press("Control+k");
      await page.getByRole("dialog").waitFor();
      await assertAccessible(page);
      await page.keyboard.press("Escape");
      await page.getByRole("button", { name: /^(Emergency stop|緊急停止)$/ }).click();
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
