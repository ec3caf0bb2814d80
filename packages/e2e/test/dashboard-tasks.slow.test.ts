import assert from "node:assert/strict";
import { eventually } from "@ccsp/testkit";
import type { Page } from "playwright-core";
import { openBrowser } from "../src/browser.js";
import { Dashboard } from "../src/dashboard.js";

const TASKS = 100_000;
const BATCH = 1000;
const MOST_DRAWN = 120;

describe("the dashboard's page Tasks with 100,000 tasks", function () {
  this.timeout(900_000);
  const dashboard = new Dashboard();
  let page: Page;
  before(async function () {
    const most = String(TASKS + BATCH);
    await dashboard.start(await openBrowser(this), {
      engine: "scripted",
      slots: 1,
      env: { CCSP_QUEUE_MAX_WAITING: most, CCSP_QUEUE_AGENT_MAX_WAITING: most },
    });
    const startTime = new Date(Date.now() + 86_400_000);
    const client = dashboard.world.client("nightly");
    for (let first = 0; first < TASKS; first += BATCH) {
      const batch = Array.from({ length: BATCH }, (_, index) => ({ prompt: `number ${first + index}`, startTime }));
      const outcomes = await client.submitMany(batch);
      assert.ok(outcomes.length === BATCH);
    }
    page = await dashboard.visit("/tasks");
  });
  after(async () => {
    await dashboard.close();
    await dashboard.stop();
  });

  const rows = () => page.locator("table.data tbody tr:not([aria-hidden])");
  const scrollTo = (share: number) =>
    page.evaluate(`window.scrollTo(0, document.documentElement.scrollHeight * ${share})`);
  /** The names of the rows that a person sees now. */
  const seen = () =>
    page.evaluate<string[]>(
      `[...document.querySelectorAll("table.data tbody tr:not([aria-hidden])")]
        .filter((row) => row.getBoundingClientRect().top >= 0 && row.getBoundingClientRect().bottom <= innerHeight)
        .map((row) => row.querySelector(".task-cell a")?.textContent ?? "")`,
    );

  it("reads page after page on the way down to the oldest, and draws only the rows in view", async () => {
    await page.getByText("number 99999", { exact: true }).waitFor();
    await page.evaluate(WATCH_FRAMES);
    await eventually(
      async () => {
        await scrollTo(1);
        assert.ok((await rows().count()) <= MOST_DRAWN);
        assert.match((await page.locator(".list-foot").textContent()) ?? "", /^100,000 tasks: that is all\.$/);
      },
      { timeoutMs: 600_000, what: "the last page" },
    );
    await scrollTo(1);
    await page.getByText("number 0", { exact: true }).waitFor();
    console.log(
      `      longest frames on the way down: ${String(await page.evaluate("longestFrames().join(', ')"))} ms`,
    );
  });

  it("shows rows at once wherever a person scrolls to, each at its place", async () => {
    await page.evaluate(WATCH_FRAMES);
    for (const share of [0.25, 0.75, 0.5, 0.1, 0.9]) {
      await scrollTo(share);
      await eventually(async () => assert.ok((await seen()).length > 5), { timeoutMs: 60_000, what: "rows" });
      const numbers = (await seen()).map((name) => Number(name.replace("number ", "")));
      const expected = (1 - share) * TASKS;
      assert.ok(Math.abs((numbers[0] ?? 0) - expected) < TASKS * 0.01, `${numbers[0]} at ${share}`);
      assert.ok((await rows().count()) <= MOST_DRAWN);
    }
    for (let step = 0; step < 60; step++) await page.mouse.wheel(0, 400);
    console.log(
      `      longest frames while scrolling: ${String(await page.evaluate("longestFrames().join(', ')"))} ms`,
    );
  });

  it("finds one of them by its text", async () => {
    await page.getByLabel("Text of id or prompt").fill("number 4312");
    await page.getByText("number 43120", { exact: true }).waitFor();
    await page.getByText("11 tasks: that is all.").waitFor();
  });
});

/** Runs in the page: measures the time between frames, to be printed. */
const WATCH_FRAMES = `
  globalThis.gaps = [];
  globalThis.lastFrame = performance.now();
  globalThis.longestFrames = () => gaps.toSorted((a, b) => b - a).slice(0, 5).map(Math.round);
  globalThis.watchFrame ??= requestAnimationFrame(function frame(now) {
    gaps.push(now - lastFrame);
    lastFrame = now;
    requestAnimationFrame(frame);
  });
`;
