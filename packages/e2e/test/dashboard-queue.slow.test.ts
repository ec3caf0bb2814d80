import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ROLES } from "@ccsp/identity";
import { eventually } from "@ccsp/testkit";
import type { Page } from "playwright-core";
import { assertAccessible, assertFits, dashboardOf, PHONE } from "../src/dashboard.js";

describe("the dashboard's pages Queue and Tasks in Chromium, against a whole fleet", function () {
  this.timeout(180_000);
  const dashboard = dashboardOf({ engine: "scripted", slots: 1 });
  let page: Page;
  let ids: string[] = [];
  let gates = 0;
  let openGate: () => Promise<void>;
  /** One task has the only slot until its file exists. Others wait for it. */
  beforeEach(async () => {
    gates += 1;
    const file = join(dashboard.world.dataDir, `gate-${gates}`);
    openGate = () => writeFile(file, "");
    const { id } = await dashboard.client.submit({ prompt: `Hold the slot [[gate:${file}]]` });
    await eventually(async () => assert.equal((await dashboard.client.get(id)).state, "RUNNING"), {
      timeoutMs: 60_000,
      what: "the first run",
    });
    ids = [id];
  });
  afterEach(async () => {
    await openGate();
    for (const id of ids) await dashboard.client.cancel(id);
  });

  async function submitWaiting(prompt: string, priority: "normal" | "low" = "normal"): Promise<string> {
    const { id } = await dashboard.client.submit({ prompt, priority, labels: { repo: "ccsp" } });
    ids.push(id);
    return id;
  }

  it("says how many wait and why each one does, and closes and opens a gate with a name and a reason", async () => {
    await submitWaiting("Review the order");
    page = await dashboard.visit("/queue");
    await dashboard.headline(/^1 waits, the oldest for /);
    const row = page.getByRole("row", { name: /Review the order/ });
    await row.getByText("all 1 slots for claude-code are taken").waitFor();

    await dashboard.press("Pause …");
    await page.getByText("1 task that waits will not start. 1 run goes on.").waitFor();
    await page.getByLabel("Why (everybody sees it)").fill("the disk is full");
    await dashboard.press("Pause", page.getByRole("dialog"));
    await dashboard.headline("Paused: 1 task waits for the resume.");
    await page.getByText("Blocked: all tasks, by ada: the disk is full.").waitFor();
    await page.mouse.move(0, 0);
    await row.getByText("everything is paused, by ada: the disk is full").waitFor();

    await dashboard.press("Resume");
    await page.getByLabel("How").selectOption("at once");
    await dashboard.press("Resume", page.getByRole("dialog"));
    await dashboard.says("Resumed: all tasks.");
    await dashboard.headline(/^1 waits, the oldest for /);
  });

  it("lists what starts next first, with its place, and counts it on the overview", async () => {
    await submitWaiting("Tidy up", "low");
    await submitWaiting("Sort the mail");
    page = await dashboard.visit("/queue");
    const rows = page.getByRole("table", { name: "Waiting tasks" }).locator("tbody tr");
    await rows.nth(1).waitFor();
    const places = (await rows.allInnerTexts()).map((text) => /(\d+)\s+(Sort the mail|Tidy up)/.exec(text)?.slice(1));
    assert.deepEqual(places, [
      ["1", "Sort the mail"],
      ["2", "Tidy up"],
    ]);
    page = await dashboard.visit("/");
    const chart = page.getByRole("figure", { name: "Running and waiting, last hour" });
    await chart.locator("summary").click();
    await eventually(async () =>
      assert.deepEqual(await chart.locator("tbody tr").last().locator("td").allInnerTexts(), ["1", "2", "0"]),
    );
  });

  it("names the pause of a class in the first line of the overview and below what needs a person", async () => {
    await submitWaiting("Tidy up", "low");
    page = await dashboard.visit("/queue");
    await dashboard.press("Pause …");
    await page.getByLabel("What").selectOption("a class");
    await page.getByLabel("Name").selectOption("low");
    await page.getByLabel("Why (everybody sees it)").fill("the night is short");
    await dashboard.press("Pause", page.getByRole("dialog"));
    await dashboard.says("Paused: class low.");
    page = await dashboard.visit("/");
    await dashboard.headline("Blocked by a pause: class low.");
    await page.getByText("By ada: the night is short. It stays until a person resumes.").first().waitFor();
    await page.getByText("Paused: class low").waitFor();
    await page.getByRole("link", { name: "resume" }).click();
    await dashboard.press("Resume");
    await dashboard.press("Resume", page.getByRole("dialog"));
    await dashboard.says("Resumed: class low.");
    page = await dashboard.visit("/");
    await dashboard.headline("Working.");
  });

  it("changes a class in its place, and takes it back", async () => {
    const id = await submitWaiting("Sort the mail");
    page = await dashboard.visit("/queue");
    await page.getByLabel(`Class: ${id}`).selectOption("high");
    await dashboard.says("Class changed from normal to high.");
    await page.getByRole("link", { name: /^high 1/ }).waitFor();
    await dashboard.press("Undo");
    await dashboard.says("Class changed from high to normal.");
    await page.getByRole("link", { name: /^normal 1/ }).waitFor();
  });

  it("counts what a clear removes, and removes it only after the number was typed", async () => {
    const low = [await submitWaiting("Tidy up", "low"), await submitWaiting("Tidy up again", "low")];
    const normal = await submitWaiting("Stay");
    page = await dashboard.visit("/queue");
    await dashboard.press("Clear …");
    await dashboard.press("Count");
    await page.getByText("It removes 2 tasks. They end as cancelled. This cannot be undone.").waitFor();
    const remove = page.getByRole("button", { name: "Remove 2 tasks" });
    await page.getByLabel("Type 2 to confirm.").fill("3");
    assert.equal(await remove.isDisabled(), true, "another number was typed");
    await page.getByLabel("Type 2 to confirm.").fill("2");
    await remove.click();
    await dashboard.says(/^2 tasks removed, /);
    for (const id of low) assert.equal((await dashboard.client.get(id)).state, "CANCELLED");
    assert.equal((await dashboard.client.get(normal)).state, "QUEUED");
  });

  it("changes a limit, says who did and why, and resets it", async () => {
    page = await dashboard.visit("/queue");
    const row = page.getByRole("row", { name: /weight\/class\/low/ });
    await dashboard.press("Change", row);
    await page.getByLabel("Weight, a whole number from 1").fill("3");
    await page.getByLabel("Why (everybody sees it)").fill("the nightly jobs are late");
    await dashboard.press("Save");
    await dashboard.says("weight/class/low is now 3.");
    await row.getByText("ada: the nightly jobs are late").waitFor();
    await dashboard.press("Reset", row);
    await row.getByText("the setting").waitFor();
  });

  it("lets a viewer look, and says which scope an act needs", async () => {
    await submitWaiting("Look only");
    page = await dashboard.visit("/queue", { scopes: ROLES.viewer });
    await dashboard.headline(/^1 waits/);
    await page.getByRole("button", { name: "Pause …" }).press("Enter");
    await dashboard.says("Your sign-in lacks the scope queue:manage.");
    assert.equal(await page.getByRole("dialog").count(), 0);
    assert.equal(await page.getByRole("combobox", { name: /^Class: / }).count(), 0, "a viewer changes no class");
    await page.getByText("no prompt").or(page.getByText("repo=ccsp")).first().waitFor();
    assert.equal(await page.getByText("Look only").count(), 0, "a viewer reads no prompt");
  });

  it("keeps the filter in the address, and cancels the tasks of a filter after it has counted them", async () => {
    const found = [await submitWaiting("Translate", "low"), await submitWaiting("Translate again", "low")];
    const other = await submitWaiting("Something else");
    page = await dashboard.visit("/tasks");
    const rows = page.getByRole("table", { name: "Tasks" }).locator("tbody tr");
    await page.getByRole("link", { name: "Something else" }).waitFor();
    await dashboard.press("Cancel these …");
    await dashboard.says("Set a filter first: it says which tasks.");

    await page.getByLabel("Class").selectOption("low");
    await dashboard.press("waiting");
    await page.waitForURL((url) => url.search === "?class=LOW&state=QUEUED");
    await page.getByRole("link", { name: "Something else" }).waitFor({ state: "detached" });
    await page.reload();
    await page.getByRole("link", { name: "Translate again" }).waitFor();
    assert.equal(await rows.count(), 2);

    await dashboard.press("Cancel these …");
    await page.getByText("It ends 0 runs and 2 tasks that wait. This cannot be undone.").waitFor();
    await page.getByLabel("Type 2 to confirm.").fill("2");
    await dashboard.press("Cancel the tasks");
    await dashboard.says(/^2 of 2 tasks cancelled, /);
    for (const id of found) assert.equal((await dashboard.client.get(id)).state, "CANCELLED");
    assert.equal((await dashboard.client.get(other)).state, "QUEUED");
    await page.goBack();
    await page.goBack();
    await page.waitForURL((url) => url.search === "");
  });

  it("keeps rows in their place when new tasks come, and says how many there are", async () => {
    await submitWaiting("The first one");
    page = await dashboard.visit("/tasks");
    const links = page.getByRole("table", { name: "Tasks" }).locator(".task-cell a");
    await links.filter({ hasText: "The first one" }).waitFor();
    const [first] = await links.allTextContents();
    await submitWaiting("A new one");
    await submitWaiting("A newer one");
    await page.getByRole("button", { name: "2 more" }).waitFor();
    assert.equal((await links.allTextContents())[0], first);
    await dashboard.press("2 more");
    assert.deepEqual((await links.allTextContents()).slice(0, 2), ["A newer one", "A new one"]);
  });

  it("loses none of the tasks when more came at once than it reads", async () => {
    await submitWaiting("The one before");
    page = await dashboard.visit("/tasks");
    // The end of the list is in view, so the page reads on by itself until it knows how many there are.
    await page.setViewportSize({ width: 1280, height: 4_000 });
    await page.getByRole("link", { name: "The one before" }).waitFor();
    // The page reads the list again only when all have come.
    const submitted = Promise.withResolvers<void>();
    await page.route("**/api/v2/tasks?*", async (route) => {
      await submitted.promise;
      await route.continue();
    });
    const startTime = new Date(Date.now() + 86_400_000);
    const batch = Array.from({ length: 600 }, (_, index) => ({ prompt: `number ${index}`, startTime }));
    const outcomes = await dashboard.client.submitMany(batch);
    ids.push(...outcomes.flatMap((outcome) => ("taskId" in outcome ? [outcome.taskId] : [])));
    submitted.resolve();
    await dashboard.press("600 more");
    await page.getByRole("link", { name: "number 599", exact: true }).waitFor();
    let all = 0;
    for await (const _task of dashboard.client.list({ pageSize: 500 })) all += 1;
    await page.getByText(`${all} tasks: that is all.`).waitFor();
  });

  it("shows by itself that a row's task has started and ended", async () => {
    await submitWaiting("Say hello");
    page = await dashboard.visit("/tasks");
    const row = page.getByRole("row", { name: /Say hello/ });
    await row.getByText("waiting").waitFor();
    await openGate();
    await row.getByText("succeeded").waitFor();
  });

  for (const path of ["/queue", "/tasks"]) {
    it(`fits a phone, speaks Japanese and keeps nobody out at ${path}, with tasks in it`, async () => {
      await submitWaiting("Review the order");
      const options = { viewport: PHONE, locale: "ja-JP", colorScheme: "dark" } as const;
      page = await dashboard.visit(path, { options });
      await dashboard.headline(path === "/queue" ? /^1 件が待機中。/ : "1 件が実行中、1 件が待機中。");
      await page.getByRole("link", { name: "Review the order" }).first().waitFor();
      if (path === "/queue") await page.getByText("claude-code のスロット 1 個はすべて使用中").waitFor();
      await assertFits(page);
      await assertAccessible(page);
    });
  }
});
