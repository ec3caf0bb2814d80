import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROLES } from "@ccsp/identity";
import { eventually } from "@ccsp/testkit";
import { findTrace, serveTraces, type TraceStore } from "@ccsp/trace-store";
import type { Page, WebSocket } from "playwright-core";
import { assertAccessible, assertFits, dashboardOf, PHONE, type Visitor } from "../src/dashboard.js";

const WORDS = Array.from({ length: 60 }, (_, index) => `word-${index}`).join(" ");

describe("the dashboard's page of a task in Chromium, against a whole fleet", function () {
  this.timeout(180_000);
  const socket = join(tmpdir(), `ccsp-traces-of-${process.pid}.sock`);
  const env: Record<string, string> = {
    CCSP_TRACE_URL: "https://traces.example/trace/{traceId}",
    CCSP_GATEWAY_TRACES_URL: `unix://${socket}`,
  };
  let traces: TraceStore;
  before(async () => {
    traces = await serveTraces(socket);
    Object.assign(env, traces.settings);
  });
  after(() => traces?.close());
  const dashboard = dashboardOf({ engine: "scripted", slots: 2, restart: true, env });
  let page: Page;
  let counters = 0;

  async function open(id: string, visitor: Visitor = {}): Promise<void> {
    page = await dashboard.visit(`/tasks/${id}`, visitor);
  }
  const answer = () => page.locator(".answer");
  const stateIs = (state: string) => page.locator(".lead").getByText(state, { exact: true }).waitFor();
  const ended = (id: string) =>
    eventually(async () => assert.ok((await dashboard.client.get(id)).endTime), { timeoutMs: 60_000, what: "the end" });
  /** A marker that lets the markers after it work in the first run only. */
  const once = () => `[[first:1:${join(dashboard.world.dataDir, `count-${counters++}`)}]]`;

  it("shows the answer while it is written, and ends the run after it has said what the run cost", async () => {
    const { id } = await dashboard.client.submit({ prompt: "Count the words\n[[text:one two]] [[hang-mid]]" });
    await open(id);
    await dashboard.headline("Count the words");
    await stateIs("running");
    await answer().getByText("one").waitFor();
    await dashboard.press("Cancel");
    await page.getByText("It ends the run, which cost unknown so far. This cannot be undone.").waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Cancel", exact: true }).last().click();
    await stateIs("cancelled");
    assert.equal((await dashboard.client.get(id)).state, "CANCELLED");
  });

  it("goes on with the answer after the gateway was killed in the middle, without a gap and without a repetition", async () => {
    const { id } = await dashboard.client.submit({ prompt: `Write [[text:${WORDS}]] [[delay:250]]` });
    await open(id);
    await answer().getByText("word-5").waitFor();
    await dashboard.world.fleet.kill9("gateway");
    await stateIs("succeeded");
    await page.getByText("No connection to the gateway since").waitFor({ state: "detached" });
    await eventually(async () => assert.equal(await answer().textContent(), WORDS), { timeoutMs: 60_000, what: WORDS });
    const drawn = await page.evaluate(async (path) => {
      const log = await fetch(path).then(
        (response): Promise<{ textDelta?: { text: string } }[]> => response.json() as Promise<never>,
      );
      return log.map(({ textDelta }) => textDelta?.text ?? "").join("");
    }, `/api/v2/tasks/${id}/log`);
    assert.equal(drawn, WORDS);
  });

  it("holds no connection while nobody sees its tab, and has the whole answer when somebody does", async () => {
    const { id } = await dashboard.client.submit({ prompt: `Write [[text:${WORDS}]] [[delay:250]]` });
    page = await dashboard.visit("/");
    // The overview's own connection may come late.
    let newest: WebSocket | undefined;
    page.on("websocket", (opened) => (newest = opened));
    await page.goto(`/tasks/${id}`);
    await answer().getByText("word-5").waitFor();
    const closed = newest?.waitForEvent("close") ?? assert.fail("no connection");
    await page.evaluate(`Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
      document.dispatchEvent(new Event("visibilitychange"))`);
    await closed;
    await ended(id);
    assert.notEqual(await answer().textContent(), WORDS);
    await page.evaluate(`delete document.visibilityState; document.dispatchEvent(new Event("visibilitychange"))`);
    await stateIs("succeeded");
    await eventually(async () => assert.equal(await answer().textContent(), WORDS), { timeoutMs: 60_000, what: WORDS });
  });

  it("draws what happened on one scale, with the cause beside each bar, and each attempt with its end", async () => {
    const { id } = await dashboard.client.submit({
      prompt: `Try twice ${once()} [[fail:500]] [[tool:Grep]] [[text:It worked.]]`,
    });
    await ended(id);
    const { traceId } = await dashboard.client.get(id);
    // The page reads the spans when they are asked for, so the last ones have to be there.
    await eventually(async () => {
      const { spans } = await findTrace(socket, traceId);
      assert.ok(spans.some(({ name }) => name === "task") && spans.some(({ name }) => name.startsWith("engine.run")));
    });
    await open(id);
    const timeline = page.getByRole("list", { name: "What happened" });
    // The last row: entries of the log come in order.
    await timeline.getByRole("listitem").filter({ hasText: /^text/ }).waitFor();
    const drawn = await timeline.getByRole("listitem").allTextContents();
    // After the parking, the task may wait for a moment again.
    const rows = drawn.filter((row, index) => index === 0 || !row.startsWith("waited in line"));
    const starts = ["waited in line", "first attempt", "parked", "second attempt", "tools", "text"];
    assert.deepEqual(
      rows.map((row) => starts.find((start) => row.startsWith(start))),
      starts,
      rows.join("\n"),
    );
    assert.match(rows[1] ?? "", /500|server/i);
    assert.match(rows[4] ?? "", /^toolsGrep/);
    await page.locator(".attempts").getByText("failed").waitFor();
    await page.getByText("1 attempt of unknown cost is not in it.").waitFor();
    await answer().getByText("It worked.").waitFor();
    const link = page.getByRole("link", { name: "Open the trace" });
    assert.equal(await link.getAttribute("href"), `https://traces.example/trace/${traceId}`);
    await page.getByText("Steps in the services").click();
    const steps = page.getByRole("list", { name: "Steps in the services" });
    await steps
      .getByText(/^task\.attempt/)
      .first()
      .waitFor();
    await steps
      .getByText(/^engine\.run/)
      .first()
      .waitFor();
    await page.getByText(/^Log, \d+ entries$/).click();
    await page.locator(".log").getByText("tool Grep").waitFor();
    await assertAccessible(page);
  });

  it("says why a task waits in the words of ExplainTask, and when what blocks it is gone", async () => {
    page = await dashboard.visit("/queue");
    await dashboard.press("Pause …");
    await page.getByLabel("Why (everybody sees it)").fill("the disk is full");
    await page.getByRole("dialog").getByRole("button", { name: "Pause", exact: true }).click();
    await dashboard.says("Paused: all tasks.");
    const { id } = await dashboard.client.submit({ prompt: "Wait" });
    const { blockers } = await dashboard.client.explain(id);
    await page.goto(`/tasks/${id}`);
    await stateIs("waiting");
    await page
      .locator(".explanation")
      .getByText(blockers[0]?.message ?? "", { exact: true })
      .waitFor();
    await page.goto("/queue");
    await dashboard.press("Resume");
    await page.getByRole("dialog").getByRole("button", { name: "Resume", exact: true }).click();
    await page.goto(`/tasks/${id}`);
    await stateIs("succeeded");
    assert.equal(await page.locator(".explanation").count(), 0);
  });

  it("retries a failed task, and goes on with its log", async () => {
    const { id } = await dashboard.client.submit({
      prompt: `Fail first ${once()} [[fail:too-long]] [[text:Now it works.]]`,
    });
    await ended(id);
    await open(id);
    await stateIs("failed");
    await dashboard.press("Retry");
    await stateIs("succeeded");
    await answer().getByText("Now it works.").waitFor();
  });

  it("sends the next turn of a conversation as the agent that owns it, and opens its task", async () => {
    const { id } = await dashboard.client.submit({ prompt: "Remember the number 4312", conversation: {} });
    await ended(id);
    await open(id, { subject: "reviewers", scopes: ROLES.agent });
    await dashboard.press("Follow-up");
    await page.getByLabel("Prompt").fill("Which number? [[recall]]");
    await dashboard.press("Send");
    await page.waitForURL((url) => !url.pathname.includes(id));
    await dashboard.headline("Which number? [[recall]]");
    await answer().getByText("Remember the number 4312").waitFor();
  });

  it("shows neither prompt nor answer without the scope for it, and says so", async () => {
    const { id } = await dashboard.client.submit({ prompt: "A secret question [[text:A secret answer]]" });
    await ended(id);
    await open(id, { scopes: ROLES.viewer });
    await dashboard.headline(`Task ${id}`);
    await stateIs("succeeded");
    await page.getByText("Hidden: your sign-in lacks the scope prompts:read.").waitFor();
    assert.equal((await page.content()).includes("secret"), false);
  });

  it("fits a phone, speaks Japanese and keeps nobody out, with a run that goes on", async () => {
    const { id } = await dashboard.client.submit({ prompt: "Count [[hang-mid]]", labels: { repo: "ccsp" } });
    await open(id, { options: { viewport: PHONE, locale: "ja-JP", colorScheme: "dark" } });
    await page.getByText("回答（受信中）").waitFor();
    await stateIs("実行中");
    await assertFits(page);
    await assertAccessible(page);
    await dashboard.client.cancel(id);
    await stateIs("取消済み");
  });
});
