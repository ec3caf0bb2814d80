import assert from "node:assert/strict";
import type { FoundTrace, Span } from "@ccsp/trace-store";
import { loadTrace, type TaskFacts } from "./load-trace.js";

const span = (name: string, spanId: string, parentSpanId: string): Span => ({
  name,
  traceId: "t",
  spanId,
  parentSpanId,
  service: "s",
  kind: "internal",
  startMs: 0,
  endMs: 1,
  attributes: {},
  links: [],
});
const ROOT = span("RunTask", "root", "");
const ATTEMPT = span("task.attempt", "attempt", "root");
const NOW = 1_000_000;

/** Loads from a store in which each list of spans is what it has after one more wait. */
const load = (task: TaskFacts | undefined, ...lists: readonly (readonly Span[])[]) => loadFrom({ task, lists });

interface Store {
  readonly task: TaskFacts | undefined;
  readonly lists: readonly (readonly Span[])[];
  /** How long the first look takes. */
  readonly firstMs?: number;
}

async function loadFrom({ task, lists, firstMs = 0 }: Store) {
  let now = NOW;
  let waits = 0;
  const find = async (): Promise<FoundTrace> => {
    if (waits === 0) now += firstMs;
    return {
      spans: lists[Math.min(waits, lists.length - 1)] ?? [],
      droppedSpans: 0,
      store: { traces: 1, bytes: 1, droppedTraces: 0, droppedSpans: 0 },
    };
  };
  const sleep = async (ms: number) => {
    waits += 1;
    now += ms;
  };
  const { spans, complete } = await loadTrace({ socket: "", traceId: "t", task }, { find, now: () => now, sleep });
  return { names: spans.map(({ name }) => name), complete, waitedMs: now - NOW };
}

describe("loadTrace", () => {
  it("waits for the spans of a task that has just ended: the parents and each attempt", async () => {
    const task = { endTime: new Date(NOW), attempts: 1 };
    assert.deepEqual(await load(task, [], [ATTEMPT], [ROOT], [ROOT, ATTEMPT]), {
      names: ["RunTask", "task.attempt"],
      complete: true,
      waitedMs: 600,
    });
  });

  it("gives what there is 3 s after the end, and says that it is not complete", async () => {
    const loaded = await load({ endTime: new Date(NOW - 1_000), attempts: 2 }, [ROOT, ATTEMPT]);
    assert.deepEqual(loaded, { names: ["RunTask", "task.attempt"], complete: false, waitedMs: 2_000 });
    assert.equal((await load({ endTime: new Date(NOW - 60_000), attempts: 2 }, [ROOT])).waitedMs, 0);
    assert.equal((await load({ endTime: new Date(NOW + 3_600_000), attempts: 2 }, [ROOT])).waitedMs, 3_000);
  });

  it("looks again after a look that took longer than all its pauses may", async () => {
    const task = { endTime: new Date(NOW), attempts: 1 };
    const loaded = await loadFrom({ task, lists: [[], [ROOT, ATTEMPT]], firstMs: 5_000 });
    assert.deepEqual([loaded.complete, loaded.waitedMs], [true, 5_200]);
  });

  it("waits only for the first span of a task that has not ended, and is never complete then", async () => {
    const running = { endTime: undefined, attempts: 1 };
    assert.deepEqual(await load(running, [ROOT, ATTEMPT]), {
      names: ["RunTask", "task.attempt"],
      complete: false,
      waitedMs: 0,
    });
    assert.deepEqual(await load(running, [], [ATTEMPT]), { names: ["task.attempt"], complete: false, waitedMs: 200 });
    assert.equal((await load(running, [])).waitedMs, 3_000);
  });

  it("shows a trace without a known task as soon as no parent is missing", async () => {
    assert.deepEqual(await load(undefined, [ROOT]), { names: ["RunTask"], complete: true, waitedMs: 0 });
    assert.equal((await load(undefined, [ATTEMPT])).waitedMs, 3_000);
  });
});
