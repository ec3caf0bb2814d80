import assert from "node:assert/strict";
import { ROLES } from "@ccsp/identity";
import { assertFits, dashboardOf, PAGES, PHONE } from "../src/dashboard.js";
import { startGatedRun } from "../src/gated-run.js";
import { processesOf } from "../src/runs.js";

describe("the frame around all pages in Chromium, against a whole fleet", function () {
  this.timeout(180_000);
  const dashboard = dashboardOf({ engine: "scripted", slots: 2 });

  it("finds a task by its label, and every page by its name, with the keyboard alone", async () => {
    const run = await startGatedRun(dashboard.world, dashboard.client, { pr: "4312" });
    await run.end();
    const page = await dashboard.visit("/");
    await dashboard.take("pr=4312");
    await dashboard.addressIs(`/tasks/${run.id}`);
    for (const [name, path] of Object.entries(PAGES)) {
      await dashboard.take(name);
      await dashboard.addressIs(path);
    }
    await page.goBack();
    await dashboard.addressIs(PAGES.Keys);
    await page.keyboard.press("Control+k");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await tabTo("Emergency stop");
  });

  /** Presses Tab until this button has the focus, and checks that the focus can be seen on the way. */
  async function tabTo(name: string): Promise<void> {
    const focused = dashboard.page.locator("*:focus");
    for (let presses = 0; presses < 60; presses++) {
      await dashboard.page.keyboard.press("Tab");
      if ((await focused.count()) === 0) continue;
      const style = await dashboard.page.evaluate("getComputedStyle(document.activeElement).outlineStyle");
      assert.notEqual(style, "none", `the focus is not visible on ${await focused.innerText()}`);
      if ((await focused.innerText()) === name) return;
    }
    assert.fail(`Tab does not reach ${name}`);
  }

  it("fits a phone in both languages, with the pages behind a button", async () => {
    const run = await startGatedRun(dashboard.world, dashboard.client);
    await run.end();
    const page = await dashboard.visit("/usage", { options: { viewport: PHONE } });
    await dashboard.press("Add a budget");
    await dashboard.fill("Name", "night-and-day");
    await dashboard.fill("Limit", "1234567");
    await dashboard.press("Save");
    await page.getByRole("table", { name: "Budgets" }).getByText("night-and-day").waitFor();
    await assertFits(page);
    await page.goto("/");
    await page.getByText("oldest waits").waitFor();
    await assertFits(page);
    const menu = page.getByRole("link", { name: "使用量", exact: true });
    await page.getByRole("button", { name: "Menu" }).click();
    await page.getByLabel("Language").selectOption("日本語");
    await menu.click();
    await dashboard.addressIs("/usage");
    await menu.waitFor({ state: "hidden" });
    await assertFits(page);
    for (const path of Object.values(PAGES)) {
      await page.goto(path);
      await page.getByRole("heading", { level: 1 }).waitFor();
      await assertFits(page);
    }
    await page.goto("/");
    await page.getByRole("button", { name: "メニュー" }).click();
    await page.getByLabel("言語").selectOption("English");
    await page.getByRole("button", { name: "Menu" }).click();
    await assertFits(page);
  });

  it("ends all runs with an emergency stop that says what it will do, and shows what each executor did", async () => {
    const { id } = await startGatedRun(dashboard.world, dashboard.client);
    const page = await dashboard.visit("/");
    await dashboard.headline("Working.");
    await page.getByRole("button", { name: "Emergency stop" }).click();
    await page.getByText("Ends 1 run; their tasks and 0 that wait start again after the resume.").waitFor();
    const stop = page.getByRole("button", { name: "Stop now" });
    await page.getByLabel("Why (everybody sees it)").fill("a prompt leaks");
    assert.equal(await stop.isDisabled(), true, "the word was not typed");
    await page.getByLabel("Type stop to confirm.").fill("stop");
    await stop.click();
    await page.getByText("1 ended, 0 left", { exact: true }).waitFor();
    assert.deepEqual(await processesOf([id]), []);
    await page.keyboard.press("Escape");
    await dashboard.headline("Stopped: an emergency stop is in force.");
    await page.getByText("By ada: a prompt leaks.").waitFor();

    await page.getByRole("button", { name: "An emergency stop is in force" }).click();
    await page.getByLabel("Why it can go on").fill("it is mended");
    await page.getByRole("button", { name: "Resume", exact: true }).click();
    await dashboard.headline("Working.");
    await dashboard.client.cancel(id);
    await dashboard.headline("Idle: no task runs or waits.");
  });

  it("finds a task by the words of its prompt, for an admin and for the agent, and for nobody who may not read them", async () => {
    const { id } = await dashboard.client.submit({ prompt: "Review the parser of dates" });
    for (const visitor of [{}, { subject: "reviewers", scopes: ROLES.agent }]) {
      await dashboard.visit("/", visitor);
      await dashboard.take("parser of dates");
      await dashboard.addressIs(`/tasks/${id}`);
    }
    const page = await dashboard.visit("/", { scopes: ROLES.viewer });
    await page.locator("button.find").click();
    await page.keyboard.type("parser of dates");
    await page.getByText('Nothing is called "parser of dates".').waitFor();
  });

  it("stops all runs from the last of twelve tabs that each show a running task", async () => {
    const prompt = "Count [[text:one two]] [[hang-mid]]";
    const tasks = [await dashboard.client.submit({ prompt }), await dashboard.client.submit({ prompt })];
    await dashboard.visit("/");
    for (let tab = 0; tab < 12; tab += 1) {
      const page = await dashboard.openTab(`/tasks/${tasks[tab % 2]?.id}`);
      await page.locator(".answer").getByText("one").waitFor();
    }
    await dashboard.press("Emergency stop");
    await dashboard.page.getByLabel("Why (everybody sees it)").fill("twelve tabs are open");
    await dashboard.page.getByLabel("Type stop to confirm.").fill("stop");
    await dashboard.press("Stop now");
    await dashboard.page.getByText("2 ended, 0 left", { exact: true }).waitFor();
    for (const { id } of tasks) await dashboard.client.cancel(id);
    await dashboard.page.keyboard.press("Escape");
    await dashboard.press("An emergency stop is in force");
    await dashboard.page.getByLabel("Why it can go on").fill("the test is over");
    await dashboard.press("Resume");
    await dashboard.page.getByRole("button", { name: "Emergency stop" }).waitFor();
  });

  it("says soon that the network is cut, also to a person who waits for an emergency stop", async () => {
    const page = await dashboard.visit("/");
    let cut = false;
    await page.routeWebSocket(/\/ws$/, (socket) => {
      const server = socket.connectToServer();
      socket.onMessage((message) => cut || server.send(message));
      server.onMessage((message) => cut || socket.send(message));
    });
    await page.route(/emergency-stop/, () => undefined);
    await page.route(/\/session$/, (route) => (cut ? undefined : route.continue()));
    await page.reload();
    await dashboard.headline(/./);
    await dashboard.press("Emergency stop");
    await page.getByLabel("Why (everybody sees it)").fill("the network is cut");
    await page.getByLabel("Type stop to confirm.").fill("stop");
    cut = true;
    await dashboard.press("Stop now");
    await page.getByRole("dialog").locator(".failure").waitFor();
    await page.getByText("No connection to the gateway since").waitFor();
  });

  it("reads again by itself what failed while nothing answered", async () => {
    const page = await dashboard.visit("/alerts");
    const silences = /\/api\/v2\/alerts\/silences/;
    await page.route(silences, (route) => route.abort());
    await page.getByRole("link", { name: /^Silences/ }).click();
    const failed = page.locator(".failure");
    await failed.waitFor();
    await page.unroute(silences);
    await failed.waitFor({ state: "detached" });
  });

  it("says since when the connection is lost, and goes on by itself when the gateway is back", async () => {
    const page = await dashboard.visit("/");
    await dashboard.headline("Idle: no task runs or waits.");
    const line = page.getByText("No connection to the gateway since");
    await Promise.all([line.waitFor(), dashboard.world.fleet.kill9("gateway")]);
    await line.waitFor({ state: "detached" });
    const run = await startGatedRun(dashboard.world, dashboard.client);
    // "Working, with one alert.", once the monitor has seen that the gateway ended without a stop.
    await dashboard.headline(/^Working/);
    await run.end();
  });
});
