import assert from "node:assert/strict";
import type { Browser } from "playwright-core";
import { openBrowser } from "../src/browser.js";
import { assertAccessible } from "../src/dashboard.js";
import { DashboardVisit, PAGES } from "../src/dashboard-visit.js";
import { startGatedRun } from "../src/gated-run.js";
import { startWorld, type World } from "../src/world.js";

describe("the dashboard for everybody", function () {
  this.timeout(300_000);
  let browser: Browser;
  let world: World;
  let visit: DashboardVisit;
  before(async function () {
    browser = await openBrowser(this);
    world = await startWorld({ engine: "scripted", slots: 2 });
    visit = new DashboardVisit(browser, world);
  });
  after(async () => {
    await world?.close();
    await browser?.close();
  });
  afterEach(async function () {
    assert.deepEqual(await visit.close(this.currentTest?.title ?? ""), [], "faults in the page's scripts");
  });

  for (const colorScheme of ["light", "dark"] as const) {
    it(`has nothing that keeps people out, by axe, on any page in ${colorScheme} colours`, async () => {
      const run = await startGatedRun(world, world.client("reviewers"));
      const page = await visit.openSignedIn("/", { colorScheme });
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
    const page = await visit.open("/tasks?state=FAILED");
    await visit.signIn(15);
    await page.getByText("Your sign-in has ended.").waitFor();
    await visit.signIn();
    await visit.addressIs("/tasks?state=FAILED");
  });
});
