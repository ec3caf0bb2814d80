import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { Refusal } from "@ccsp/errors";
import { watchClockAhead } from "@ccsp/telemetry";
import { pino } from "pino";
import { Registry } from "prom-client";
import { observeCache } from "./cache/metrics.js";
import type { Gate } from "./domain/gates/gates.js";
import type { Task } from "./domain/task/task.js";
import { showMemory } from "./memory-watch.js";
import { observeBreaker, observeQueue, observeSubmissions } from "./metrics.js";
import { observeSchedules } from "./schedules/metrics.js";
import { type MeasuredStore, measureQueue, showTargets } from "./status-metrics.js";

const NOW = 1_760_000_000_000;
const offer = { engine: "e", account: "", freeSlots: 1, slots: 4, version: "1" };
const executor = { id: "x", leases: 0, seenMs: NOW, draining: false, offers: [offer], address: "" };
const gate = { who: "ada", why: "w", closed: NOW };
const STORE: MeasuredStore = {
  depths: async () => [{ engine: "e", class: "low", waiting: 2, oldestAgeMs: 301_000, running: 3, parked: 9 }],
  counts: async () => ({ leased: 3, waiting: 0, parked: 4, scheduled: 5, ended: 6, waitingBytes: 700 }),
  executors: async () => [executor, { ...executor, draining: true }],
  gates: async () =>
    new Map<string, Gate>([
      ["all", { ...gate, opens: NOW }],
      ["agent/a", gate],
      ["budget/agent/a", { ...gate, opens: NOW + 1 }],
      ["agent/b", { ...gate, opens: NOW + 1 }],
      ["emergency", { ...gate, level: 1 }],
    ]),
  holdsSetMs: async () => NOW - 2_000,
  now: async () => NOW,
  emergency: async () => ({ id: "s", level: "no-submit", who: "ada", why: "w", calledMs: NOW }),
};
async function linesOf(registry: Registry): Promise<ReadonlySet<string>> {
  return new Set((await registry.metrics()).split("\n"));
}

function assertShows(lines: ReadonlySet<string>, expected: readonly string[]): void {
  for (const line of expected) assert.ok(lines.has(line), line);
}

describe("the queue's metrics", () => {
  it("show waiting, running and ended tasks, executors and gates from one read for this scrape", async () => {
    const registry = new Registry();
    let readings = 0;
    measureQueue(registry, { ...STORE, depths: () => (readings++, STORE.depths()) });
    const lines = await linesOf(registry);
    assertShows(lines, [
      'ccsp_queue_waiting{engine="e",class="low"} 2',
      'ccsp_queue_oldest_age_seconds{engine="e",class="low"} 301',
      'ccsp_queue_running{engine="e",class="low"} 3',
      "ccsp_queue_parked 4",
      "ccsp_queue_scheduled 5",
      "ccsp_queue_ended 6",
      "ccsp_queue_waiting_bytes 700",
      'ccsp_queue_executors{draining="false"} 1',
      'ccsp_queue_executors{draining="true"} 1',
      'ccsp_queue_slots{engine="e"} 4',
      'ccsp_queue_gates_closed{scope="all"} 0',
      'ccsp_queue_gates_closed{scope="agent"} 2',
      'ccsp_queue_gates_closed{scope="budget"} 1',
      "ccsp_queue_budget_state_age_seconds 2",
      "ccsp_queue_emergency_level 1",
    ]);
    assert.equal(readings, 1);
    await registry.metrics();
    assert.equal(readings, 2);
  });

  it("show no emergency stop that was resumed, though its gate is kept for a while", async () => {
    const registry = new Registry();
    const resumed = { ...gate, level: 3, opens: NOW - 1 };
    const gates = async () => new Map<string, Gate>([["emergency", resumed]]);
    measureQueue(registry, { ...STORE, gates, emergency: async () => undefined });
    assertShows(await linesOf(registry), ["ccsp_queue_emergency_level 0"]);
  });

  it("show the last values while Redis is away", async () => {
    const registry = new Registry();
    let away = false;
    measureQueue(registry, {
      ...STORE,
      counts: async () => (away ? Promise.reject(new Error("away")) : STORE.counts()),
    });
    await registry.metrics();
    away = true;
    assertShows(await linesOf(registry), ["ccsp_queue_parked 4", 'ccsp_queue_waiting{engine="e",class="low"} 2']);
  });

  it("show each class's start target, and the first leases within it and after it", async () => {
    const registry = new Registry();
    showTargets(registry);
    const observer = observeQueue(registry);
    const task: Task = {
      id: "0-x",
      agent: "a",
      engine: "e",
      class: "high",
      state: "LEASED",
      max: 3,
      created: 1_000,
      size: 1,
      spec: "",
      leased: 2_000,
    };
    observer.leased(task);
    observer.leased({ ...task, attempt: 1 });
    observer.leased({ ...task, leased: 60_000 });
    assertShows(await linesOf(registry), [
      'ccsp_queue_start_target_seconds{class="urgent"} 1',
      'ccsp_queue_start_target_seconds{class="low"} 300',
      'ccsp_queue_first_leases_total{engine="e",class="high",in_time="true"} 1',
      'ccsp_queue_first_leases_total{engine="e",class="high",in_time="false"} 1',
      'ccsp_queue_wait_seconds_count{class="high"} 3',
    ]);
  });

  it("count each refused task by its reason", async () => {
    const registry = new Registry();
    const observer = observeSubmissions(registry);
    observer.refused(new Refusal("QUEUE_FULL", "full"));
    observer.refused(new Error("a fault"));
    observer.refused(new Error("another"));
    assertShows(await linesOf(registry), [
      'ccsp_queue_tasks_refused_total{reason="QUEUE_FULL"} 1',
      'ccsp_queue_tasks_refused_total{reason="INTERNAL"} 2',
    ]);
  });

  it("are those of docs/metrics.md, and alerts use only these", async () => {
    const registry = new Registry();
    measureQueue(registry, STORE);
    showTargets(registry);
    observeQueue(registry);
    observeBreaker(registry);
    observeSubmissions(registry);
    observeSchedules(registry);
    observeCache(registry);
    showMemory(registry);
    watchClockAhead(registry, { service: "queue", of: "Redis'", log: pino({ level: "silent" }) });
    const metrics = await registry.getMetricsAsJSON();
    const read = (path: string) => readFile(new URL(path, import.meta.url), "utf8");
    const page = await read("../../../docs/metrics.md");
    const rows = [...page.matchAll(/^\| `(ccsp_queue_\w+)` \|/gm)];
    const known = new Set(metrics.map(({ name }) => name));
    assert.deepEqual(new Set(rows.map(([, name]) => name)), known);
    const alerts = await read("../../../docs/operations.md");
    const used = [...alerts.matchAll(/\bccsp_queue_\w+/g)].map(([name]) => name);
    assert.ok(used.length > 0);
    for (const name of used) assert.ok(known.has(name.replace(/_(bucket|count|sum)$/, "")), name);
  });
});
