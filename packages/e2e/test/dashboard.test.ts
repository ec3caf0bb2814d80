import assert from "node:assert/strict";
import { ROLES } from "@ccsp/identity";
import { dashboardOf } from "../src/dashboard.js";
import { startGatedRun } from "../src/gated-run.js";

describe("the dashboard in Chromium, against a whole fleet", function () {
  this.timeout(180_000);
  const dashboard = dashboardOf({ engine: "scripted", slots: 2 });

  it("shows the page that was asked for after the sign-in, and says why a token is refused", async () => {
    const page = await dashboard.open("/queue?class=LOW");
    await page.getByLabel("Token or API key").fill("not a token");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").waitFor();
    await dashboard.signIn();
    await page.getByRole("link", { name: "Queue" }).and(page.locator("[aria-current=page]")).waitFor();
    await dashboard.addressIs("/queue?class=LOW");
    assert.equal(await page.evaluate("document.cookie"), "", "no script can read the proof");
  });

  it("shows nothing of the person before to the next one who signs in", async () => {
    const page = await dashboard.visit("/alerts");
    await dashboard.headline("Nothing is firing.");
    await dashboard.press("Sign out");
    await dashboard.signIn({ subject: "reviewers", scopes: ROLES.agent });
    await dashboard.headline("Alerts");
    await page.locator("main").getByText("Hidden: your sign-in lacks the scope monitor:read.").waitFor();
  });

  it("shows a run when it starts and when it ends, without a reload", async () => {
    const page = await dashboard.visit("/");
    await dashboard.headline("Idle: no task runs or waits.");
    const run = await startGatedRun(dashboard.world, dashboard.client);
    await dashboard.headline("Working.");
    await page.getByText("1 task runs, 0 wait.").waitFor();
    await page.getByRole("link", { name: `run of ${run.id}` }).waitFor();
    await run.end();
    await dashboard.headline("Idle: no task runs or waits.");
  });

  it("speaks the language of the browser, and the chosen one after that", async () => {
    const page = await dashboard.visit("/", { options: { locale: "ja-JP" } });
    await dashboard.headline("待機中・実行中のタスクはありません。");
    assert.equal(await page.evaluate("document.documentElement.lang"), "ja");
    await page.getByLabel("言語").selectOption("English");
    await dashboard.headline("Idle: no task runs or waits.");
    await page.reload();
    await dashboard.headline("Idle: no task runs or waits.");
  });
});
