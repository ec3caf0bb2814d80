import assert from "node:assert/strict";
import { answerOf } from "@ccsp/engine-kit/conformance";
import type { Clock } from "./clock.js";
import { MOST_FAULTS } from "./persist.js";
import { type Answer, QueueFault, type Report } from "./queue.js";
import { LAST_ENTRIES, Reporter } from "./reporter.js";

/** The test decides when the queue answers. The clock does not move. */
function setUp() {
  const reports: Report[] = [];
  const answers: ((answer: Answer | Error) => void)[] = [];
  const waits: { ms: number; end(): void }[] = [];
  let lost = 0;
  let nowMs = 0;
  const unwanted = new AbortController();
  const clock: Clock = {
    now: () => nowMs,
    date: () => 0,
    wait: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        signal?.addEventListener("abort", () => resolve(), { once: true });
        waits.push({ ms, end: resolve });
      }),
  };
  const reporter = new Reporter({
    queue: {
      report: (_lease, report) => {
        reports.push(report);
        return new Promise((resolve, reject) => {
          answers.push((answer) => (answer instanceof Error ? reject(answer) : resolve(answer)));
        });
      },
    },
    lease: { taskId: "t", fence: 1n },
    clock,
    signal: new AbortController().signal,
    unwanted: unwanted.signal,
    onLost: () => lost++,
  });
  return {
    reporter,
    unwanted,
    reports,
    waits,
    lost: () => lost,
    text: (text: string) => reporter.add({ type: "text", text }),
    /** Answers the call in progress, then waits until its consequences have happened. */
    answer: async (answer: Answer | Error = "ok") => {
      answers.shift()?.(answer);
      await settled();
    },
    passTime: async (ms = 0) => {
      nowMs += ms;
      waits.shift()?.end();
      await settled();
    },
  };
}

const settled = <T>(value?: T) => new Promise<T | undefined>((resolve) => setImmediate(() => resolve(value)));

describe("the reporter", () => {
  it("sends the first text at once, and collects later text while a report is in progress", async () => {
    const { text, reports, answer, passTime } = setUp();
    await text("a");
    assert.deepEqual(reports[0]?.events, [{ type: "text", text: "a" }]);
    await text("b");
    await text("c");
    await answer();
    assert.equal(reports.length, 1, "the next report did not wait for more text");
    await passTime();
    assert.deepEqual(reports[1]?.events, [{ type: "text", text: "bc" }]);
  });

  it("never joins two messages, and keeps withdrawn messages in their order", async () => {
    const { reporter, reports, answer } = setUp();
    reporter.started({ traceparent: "" });
    const said = [
      { type: "text", text: "half ", message: 1 },
      { type: "text", text: "a ", message: 1 },
      { type: "taken-back", message: 1 },
      { type: "text", text: "half a ", message: 2 },
      { type: "text", text: "PONG", message: 2 },
      { type: "text", text: "x".repeat(70_000), message: 3 },
    ] as const;
    for (const event of said) await reporter.add(event);
    const flushed = reporter.flushed();
    for (let i = 0; i < 4; i++) await answer();
    await flushed;
    const events = reports.flatMap((report) => report.events);
    assert.deepEqual(events.slice(0, 3), [
      { type: "text", text: "half a ", message: 1 },
      { type: "taken-back", message: 1 },
      { type: "text", text: "half a PONG", message: 2 },
    ]);
    assert.equal(answerOf(events), "x".repeat(70_000));
  });

  it("keeps the order of text and other events, and numbers its reports from 1 without a gap", async () => {
    const { reporter, text, reports, answer } = setUp();
    reporter.started({ traceparent: "" });
    await text("a");
    await reporter.add({ type: "tool", name: "Bash" });
    await text("b");
    const flushed = reporter.flushed();
    await answer();
    await answer();
    await flushed;
    assert.deepEqual(
      reports.map(({ sequence }) => sequence),
      [1, 2],
    );
    assert.deepEqual(reports[0], { sequence: 1, started: { traceparent: "" }, events: [] });
    assert.deepEqual(
      reports[1]?.events.map((event) => (event.type === "text" ? event.text : event.type)),
      ["a", "tool", "b"],
    );
  });

  it("reports usage at most once a second, always the newest, and what waits when the run has ended", async () => {
    const { reporter, reports, waits, answer, passTime } = setUp();
    const used = (turns: number) =>
      reporter.add({ type: "usage", turns, usage: undefined, costUsd: 0, model: "m", toolUses: 0 });
    const told = () =>
      reports.flatMap(({ events }) => events.map((event) => (event.type === "usage" ? event.turns : event.type)));
    for (const turns of [1, 2, 3]) await used(turns);
    await answer();
    assert.deepEqual(told(), [1]);
    assert.deepEqual(
      waits.map(({ ms }) => ms),
      [1_000, 50],
    );
    await passTime(1_000);
    await passTime();
    await answer();
    assert.deepEqual(told(), [1, 3]);
    await used(4);
    await used(5);
    const flushed = reporter.flushed();
    await settled();
    await answer();
    await flushed;
    assert.deepEqual(told(), [1, 3, 5]);
  });

  it("repeats an unanswered report unchanged", async () => {
    const { text, reports, answer, passTime } = setUp();
    await text("a");
    await answer(new Error("no connection"));
    await passTime();
    assert.equal(reports.length, 2);
    assert.deepEqual(reports[1], reports[0]);
  });

  it("gives up a report that the queue fails to store, tries the next ones once, and counts what is missing", async () => {
    const { text, reporter, reports, answer, passTime } = setUp();
    const fault = new QueueFault("INTERNAL");
    await text("a");
    for (let tries = 1; tries < MOST_FAULTS; tries++) {
      await answer(fault);
      await passTime();
    }
    await answer(fault);
    for (const said of ["b", "c"]) {
      await text(said);
      await passTime();
      await answer(said === "b" ? fault : "ok");
    }
    await reporter.flushed();
    const sent = reports.map(({ events: [event] }) => event?.type === "text" && event.text).join("");
    assert.equal(sent, `${"a".repeat(MOST_FAULTS)}bc`);
    assert.deepEqual(reporter.notKept, ["2 entries of the task's log"]);
  });

  it("gives up nothing while the queue is away between its faults", async () => {
    const { text, reporter, answer, passTime } = setUp();
    await text("a");
    for (let tries = 0; tries < 3 * MOST_FAULTS; tries++) {
      await answer(tries % 2 === 0 ? new QueueFault("INTERNAL") : new Error("away"));
      await passTime();
    }
    await answer();
    assert.deepEqual(reporter.notKept, []);
  });

  it("does not make a run wait that is being ended", async () => {
    const { text, unwanted } = setUp();
    const added = text("x".repeat(300_000));
    assert.equal(await Promise.race([added, settled("held back")]), "held back");
    unwanted.abort();
    await added;
    await text("more");
  });

  it("makes the engine wait while too many reports are unanswered, and continues when they are answered", async () => {
    const { text, answer } = setUp();
    const added = text("x".repeat(300_000));
    assert.equal(await Promise.race([added, settled("held back")]), "held back");
    await answer();
    await added;
  });

  it("cuts a long text into reports between characters", async () => {
    const { text, reporter, reports, answer } = setUp();
    const long = `x${"🎉".repeat(70_000)}`;
    void text(long);
    const flushed = reporter.flushed();
    for (let i = 0; i < 4; i++) await answer();
    await flushed;
    const pieces = reports.flatMap(({ events }) => events.map((event) => (event.type === "text" ? event.text : "")));
    assert.ok(pieces.length > 1);
    assert.ok(pieces.every((piece) => !/\p{Surrogate}/u.test(piece)));
    assert.equal(pieces.join(""), long);
  });

  it("releases all waiting callers when the lease is lost, and sends nothing more", async () => {
    const { text, reporter, reports, answer, lost } = setUp();
    const added = text("x".repeat(300_000));
    await answer("lost");
    await added;
    await text("more");
    await reporter.flushed();
    assert.equal(lost(), 1);
    assert.equal(reports.length, 1);
    assert.deepEqual(reporter.notKept, [LAST_ENTRIES]);
  });
});
