import assert from "node:assert/strict";
import { SERVICES } from "@ccsp/fleet";
import { ROLES } from "@ccsp/identity";
import { dashboardOf } from "../src/dashboard.js";
import { startGatedRun } from "../src/gated-run.js";

describe("the dashboard's pages of the installation in Chromium, against a whole fleet", function () {
  this.timeout(180_000);
  const dashboard = dashboardOf({ engine: "scripted", slots: 2, env: { CCSP_HEARTBEAT: "1s" } });
  before(async () => {
    const run = await startGatedRun(dashboard.world, dashboard.client);
    await run.end();
  });

  it("say on the overview how each service is, and of one that hangs since when it is silent", async () => {
    const page = await dashboard.visit("/");
    const service = (name: string) => page.locator(".line").filter({ hasText: `${name} 1 instance` });
    for (const name of SERVICES) await service(name).getByText("well", { exact: true }).waitFor();
    const silent = dashboard.world.fleet.processes().find(({ name }) => name === "notification") ?? assert.fail();
    silent.process.kill("SIGSTOP");
    try {
      await service("notification").getByText("1 not well").waitFor();
    } finally {
      silent.process.kill("SIGCONT");
    }
    await service("notification").getByText("well", { exact: true }).waitFor();
  });

  it("say what of a page is not current while a service hangs, and no longer when it answers again", async () => {
    const page = await dashboard.visit("/usage");
    await page.getByText("No engine has reported a usage window yet.").waitFor();
    const monitor = dashboard.world.fleet.processes().find(({ name }) => name === "monitor") ?? assert.fail();
    const line = page.getByText(/^What you see of .*limits and budgets.* is from \d\d:\d\d and cannot be read now\./);
    monitor.process.kill("SIGSTOP");
    try {
      await line.waitFor();
    } finally {
      monitor.process.kill("SIGCONT");
    }
    await line.waitFor({ state: "detached" });
  });

  it("drain an executor and take it back, set its slots, and probe its engine", async () => {
    const page = await dashboard.visit("/executors");
    await dashboard.headline("0 of 2 slots run, on 1 executor.");
    await dashboard.press("Drain");
    await dashboard.says("executor-1 takes no new task; 0 runs go on.");
    await page.getByText("takes no new task, and can be stopped").waitFor();
    await dashboard.press("Take tasks again");
    await dashboard.says("executor-1 takes tasks again.");
    const slots = page.getByLabel("Slots of claude-code");
    await slots.fill("3");
    await slots.press("Enter");
    await dashboard.headline("0 of 3 slots run, on 1 executor.");
    await dashboard.press("Undo");
    await dashboard.headline("0 of 2 slots run, on 1 executor.");
    await dashboard.press("Probe");
    await dashboard.says(/^claude-code answers; its first text came after/);
  });

  it("show the output of a run as it comes, at an address that can be copied", async () => {
    const words = Array.from({ length: 80 }, (_, index) => `word-${index}`).join(" ");
    const { id } = await dashboard.client.submit({ prompt: `Write [[text:${words}]] [[delay:250]]` });
    const page = await dashboard.visit("/executors");
    await page.getByRole("link", { name: `run of ${id}` }).waitFor();
    await dashboard.press("Watch");
    await dashboard.addressIs(`/executors?output=${id}`);
    await page.locator("pre.output", { hasText: "word-" }).waitFor();
    assert.equal(await page.getByText("The output has ended.").count(), 0);
    await page.locator("pre.output", { hasText: "word-79" }).waitFor();
    await page.getByText("The output has ended.").waitFor();
  });

  it("say what was used by whom, export it, and hold a budget, which can be changed, until it is deleted", async () => {
    const page = await dashboard.visit("/usage");
    await dashboard.headline(/in the last 24 hours cost/);
    await page.getByRole("cell", { name: "reviewers" }).waitFor();
    await page.getByRole("link", { name: "day", exact: true }).click();
    const today = new Date().toLocaleDateString("en-GB", {
      weekday: "short",
      day: "numeric",
      month: "short",
      year: "numeric",
    });
    await page.getByRole("row", { name: today }).waitFor();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("link", { name: "Export CSV" }).click(),
    ]);
    assert.equal(await download.failure(), null);
    await dashboard.press("Add a budget");
    await dashboard.fill("Name", "team");
    await dashboard.fill("Limit", "50");
    await dashboard.press("Save");
    await dashboard.says("Budget team is in force.");
    const row = page.getByRole("table", { name: "Budgets" }).getByRole("row", { name: "team" });
    await row.getByText("/ 50").waitFor();
    await dashboard.press("Change", row);
    assert.equal(await page.getByLabel("Limit", { exact: true }).inputValue(), "50");
    await page.getByRole("combobox", { name: "Per", exact: true }).selectOption("month");
    await dashboard.fill("Limit", "80");
    await dashboard.press("Save");
    await row.getByText("/ 80 per month").waitFor();
    await dashboard.press("Undo");
    await row.getByText("/ 50 per day").waitFor();
    await dashboard.press("Delete", row);
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await dashboard.says("Budget team is deleted.");
    await page.getByText("There is no budget.").first().waitFor();
  });

  it("turn a rule off and on, change it with a way back, and test it", async () => {
    const page = await dashboard.visit("/alerts?tab=rules");
    await dashboard.headline("Nothing is firing.");
    const rule = page.getByRole("row").filter({ hasText: "disk-full" });
    await rule.getByRole("button", { name: "Turn off" }).click();
    await dashboard.says("disk-full is off.");
    await rule.getByText("off", { exact: true }).waitFor();
    await rule.getByRole("button", { name: "Turn on" }).click();
    await dashboard.says("disk-full is on.");
    const before = await rule.locator("code").nth(1).innerText();
    await dashboard.press("Change", rule);
    await dashboard.fill("Limit", "0.123");
    await dashboard.press("Save");
    await dashboard.says("Rule disk-full is in force.");
    await rule.getByText("0.123").waitFor();
    await dashboard.press("Undo");
    await rule.getByText(before, { exact: true }).waitFor();
    await rule.getByRole("button", { name: "Test" }).click();
    await dashboard.says(/^disk-full was fired as a test/);
  });

  it("silence the alerts of a rule, and put a silence back that was ended by mistake", async () => {
    const page = await dashboard.visit("/alerts?tab=silences");
    const { status } = await page.evaluate(
      (init) => fetch("/api/v2/alerts/silences", init).then((response) => ({ status: response.status })),
      {
        method: "POST",
        headers: { "content-type": "application/json", "x-ccsp-csrf": "1" },
        body: JSON.stringify({
          matchers: [{ label: "rule", value: "disk-full" }],
          reason: "a new disk is coming",
          duration: "7200s",
          requestId: "silence-1",
        }),
      },
    );
    assert.equal(status, 201);
    await page.reload();
    await page.getByRole("row", { name: /a new disk is coming/ }).waitFor();
    await dashboard.press("End");
    await dashboard.says("The silence of rule=disk-full has ended: people are notified of its alerts again.");
    await page.getByText("There is no silence.").waitFor();
    await dashboard.press("Undo");
    await dashboard.says(/^rule=disk-full is silent until /);
    await page.getByRole("row", { name: /a new disk is coming/ }).waitFor();
    await dashboard.press("End");
    await page.getByText("There is no silence.").waitFor();
  });

  it("check a login, send a test message, and say where each stands", async () => {
    const page = await dashboard.visit("/sessions");
    await dashboard.press("Check now");
    await dashboard.says(/^claude-code: /);
    await page.getByRole("link", { name: "Notifications" }).click();
    await page.getByRole("button", { name: "Test" }).first().click();
    await dashboard.says(/accepted a test message/);
  });

  it("make a schedule, pause it with a way back, and delete it", async () => {
    const page = await dashboard.visit("/schedules");
    await dashboard.headline("You have no schedule.");
    await dashboard.take("Add a schedule");
    await dashboard.fill("Name", "nightly");
    await dashboard.fill("Cron expression", "every night");
    await dashboard.fill("Prompt", "Look for flaky tests");
    await dashboard.press("Save");
    await page.getByRole("dialog").getByRole("alert").getByText("cron").first().waitFor();
    await dashboard.fill("Cron expression", "0 3 * * *");
    await dashboard.press("Save");
    await dashboard.says(/^nightly is saved/);
    await dashboard.headline(/^1 schedule; the next task comes at/);
    await dashboard.press("Pause");
    await dashboard.headline("1 schedule; none makes a task now.");
    await dashboard.press("Undo");
    await dashboard.headline(/^1 schedule; the next task comes at/);
    await dashboard.press("Delete");
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await dashboard.headline("You have no schedule.");
  });

  it("make a key, show it once, and revoke it when its name is typed", async () => {
    const page = await dashboard.visit("/keys");
    await dashboard.press("Make a key");
    await dashboard.fill("Agent id", "nightly-agent");
    await dashboard.fill("What it is for", "nightly");
    await dashboard.press("Make");
    const secret = await page.getByRole("dialog").locator("pre").innerText();
    assert.match(secret, /^ccsp_/);
    await dashboard.press("I have it");
    await dashboard.headline("1 API key can be used.");
    assert.equal(await page.getByText(secret).count(), 0);
    await dashboard.press("Revoke");
    const sure = page.getByRole("dialog").getByRole("button", { name: "Revoke" });
    assert.equal(await sure.isDisabled(), true);
    await page.getByRole("dialog").getByRole("textbox").fill("nightly");
    await sure.click();
    await dashboard.says("Key nightly is revoked.");
    await dashboard.headline("No API keys can be used.");
  });

  it("say which scope a person lacks, and change nothing", async () => {
    const page = await dashboard.visit("/executors", { subject: "vera", scopes: ROLES.viewer });
    // Playwright waits for a button that says that it is disabled.
    await page.getByRole("button", { name: "Drain" }).press("Enter");
    await dashboard.says("Your sign-in lacks the scope executor:manage.");
    await dashboard.headline("0 of 2 slots run, on 1 executor.");
  });

  it("tell an agent which scope each of them needs, and never wait for what does not come", async () => {
    const page = await dashboard.visit("/", { subject: "reviewers", scopes: ROLES.agent });
    await dashboard.headline("This sign-in sees its own tasks.");
    for (const [name, scope] of [
      ["Queue", "tasks:read-all"],
      ["Executors", "monitor:read"],
      ["Alerts", "monitor:read"],
      ["Usage", "monitor:read"],
      ["Sessions", "monitor:read"],
      ["Notifications", "monitor:read"],
    ] as const) {
      await page.getByRole("link", { name, exact: true }).click();
      await dashboard.headline(name);
      await page.locator("main").getByText(scope).first().waitFor();
    }
  });
});
