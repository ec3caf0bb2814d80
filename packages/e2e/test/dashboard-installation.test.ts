import assert from "node:assert/strict";
import type { CcspClient } from "@ccsp/client";
import { ROLES } from "@ccsp/identity";
import type { Browser, Page } from "playwright-core";
import { openBrowser } from "../src/browser.js";
import { DashboardVisit } from "../src/dashboard-visit.js";
import { startGatedRun } from "../src/gated-run.js";
import { startWorld, type World } from "../src/world.js";

describe("the dashboard's pages of the installation in Chromium, against a whole fleet", function () {
  this.timeout(180_000);
  let browser: Browser;
  let world: World;
  let client: CcspClient;
  let visit: DashboardVisit;
  before(async function () {
    browser = await openBrowser(this);
    world = await startWorld({ engine: "scripted", slots: 2, env: { CCSP_HEARTBEAT: "1s" } });
    client = world.client("reviewers");
    visit = new DashboardVisit(browser, world);
    const run = await startGatedRun(world, client);
    await run.end();
  });
  after(async () => {
    await world?.close();
    await browser?.close();
  });
  afterEach(async function () {
    assert.deepEqual(await visit.close(this.currentTest?.title ?? ""), [], "faults in the page's scripts");
  });

  const click = (page: Page, name: string | RegExp) => page.getByRole("button", { name, exact: true }).last().click();
  const told = (page: Page, text: string | RegExp) => page.getByRole("status").getByText(text).waitFor();
  const fill = (page: Page, label: string, text: string) => page.getByLabel(label, { exact: true }).fill(text);

  it("drain an executor and take it back, set its slots, and probe its engine", async () => {
    const page = await visit.openSignedIn("/executors");
    await visit.headline("0 of 2 slots run, on 1 executor.");
    await click(page, "Drain");
    await told(page, "executor-1 takes no new task; 0 runs go on.");
    await page.getByText("takes no new task and ends when").waitFor();
    await click(page, "Take tasks again");
    await told(page, "executor-1 takes tasks again.");
    const slots = page.getByLabel("Slots of claude-code");
    await slots.fill("3");
    await slots.press("Enter");
    await visit.headline("0 of 3 slots run, on 1 executor.");
    await click(page, "Undo");
    await visit.headline("0 of 2 slots run, on 1 executor.");
    await click(page, "Probe");
    await told(page, /^claude-code answers; its first text came after/);
  });

  it("show the output of a run as it comes, at an address that can be copied", async () => {
    const run = await startGatedRun(world, client);
    const page = await visit.openSignedIn("/executors");
    await page.getByRole("link", { name: `run of ${run.id}` }).waitFor();
    await click(page, "Watch");
    await visit.addressIs(`/executors?output=${run.id}`);
    await page.getByRole("heading", { name: `Output of ${run.id}` }).waitFor();
    await run.end();
    await page.locator("pre.output", { hasText: "You said: Review" }).waitFor();
    await page.getByText("The output has ended.").waitFor();
  });

  it("say what was used by whom, export it, and hold a budget until it is deleted", async () => {
    const page = await visit.openSignedIn("/usage");
    await visit.headline(/in the last 24 hours cost/);
    await page.getByRole("cell", { name: "reviewers" }).waitFor();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("link", { name: "Export CSV" }).click(),
    ]);
    assert.equal(await download.failure(), null);
    await click(page, "Add a budget");
    await fill(page, "Name", "team");
    await fill(page, "Limit", "50");
    await click(page, "Save");
    await told(page, "Budget team is in force.");
    await page
      .getByRole("cell", { name: /of|\/ 50/ })
      .first()
      .waitFor();
    await click(page, "Delete");
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await told(page, "Budget team is deleted.");
    await page.getByText("There is no budget.").first().waitFor();
  });

  it("turn a rule off and on, and test it", async () => {
    const page = await visit.openSignedIn("/alerts?tab=rules");
    await visit.headline("Nothing is firing.");
    const rule = page.getByRole("row").filter({ hasText: "disk-full" });
    await rule.getByRole("button", { name: "Turn off" }).click();
    await told(page, "disk-full is off.");
    await rule.getByText("off", { exact: true }).waitFor();
    await rule.getByRole("button", { name: "Turn on" }).click();
    await told(page, "disk-full is on.");
    await rule.getByRole("button", { name: "Test" }).click();
    await told(page, /^disk-full was fired as a test/);
  });

  it("check a login, send a test message, and say where each stands", async () => {
    const page = await visit.openSignedIn("/sessions");
    await click(page, "Check now");
    await told(page, /^claude-code\//);
    await page.getByRole("link", { name: "Notifications" }).click();
    await page.getByRole("button", { name: "Test" }).first().click();
    await told(page, /accepted a test message/);
  });

  it("make a schedule, pause it with a way back, and delete it", async () => {
    const page = await visit.openSignedIn("/schedules");
    await visit.headline("You have no schedule.");
    await click(page, "Add a schedule");
    await fill(page, "Name", "nightly");
    await fill(page, "Cron expression", "0 3 * * *");
    await fill(page, "Prompt", "Look for flaky tests");
    await click(page, "Save");
    await told(page, /^nightly is saved/);
    await visit.headline(/^1 schedule; the next task comes at/);
    await click(page, "Pause");
    await visit.headline("1 schedule; none makes a task now.");
    await click(page, "Undo");
    await visit.headline(/^1 schedule; the next task comes at/);
    await click(page, "Delete");
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await visit.headline("You have no schedule.");
  });

  it("make a key, show it once, and revoke it when its name is typed", async () => {
    const page = await visit.openSignedIn("/keys");
    await click(page, "Make a key");
    await fill(page, "Agent id", "nightly-agent");
    await fill(page, "What it is for", "nightly");
    await click(page, "Make");
    const secret = await page.getByRole("dialog").locator("pre").innerText();
    assert.match(secret, /^ccsp_/);
    await click(page, "I have it");
    await visit.headline("1 API key can be used.");
    assert.equal(await page.getByText(secret).count(), 0);
    await click(page, "Revoke");
    const sure = page.getByRole("dialog").getByRole("button", { name: "Revoke" });
    assert.equal(await sure.isDisabled(), true);
    await page.getByRole("dialog").getByRole("textbox").fill("nightly");
    await sure.click();
    await told(page, "Key nightly is revoked.");
    await visit.headline("There is no API key.");
  });

  it("say which scope a person lacks, and change nothing", async () => {
    const page = await visit.open("/executors");
    const viewer = await world.token("vera", { scopes: ROLES.viewer });
    await page.locator("input[type=password]").fill(viewer);
    await page.keyboard.press("Enter");
    // Playwright waits for a button that says that it is disabled.
    await page.getByRole("button", { name: "Drain" }).press("Enter");
    await told(page, "Your sign-in lacks the scope executor:manage.");
    await visit.headline("0 of 2 slots run, on 1 executor.");
  });
});
