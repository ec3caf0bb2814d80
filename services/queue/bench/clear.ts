import assert from "node:assert/strict";
import { eventually, unlessBrief } from "@ccsp/testkit";
import { createBulk } from "../src/domain/search/bulk.js";
import { inFlight } from "./measure.js";
import { openOurs } from "./ours.js";
import type { Report } from "./report.js";

const TASKS = unlessBrief(75_000, 1500);
const AGENTS = unlessBrief(500, 20);
/** This many tasks of another class, and this many that have ended. */
const OTHERS = unlessBrief(25_000, 500);
const LOW = { class: "low" } as const;

/**
 * Compares ClearQueue of 75,000 waiting tasks of 500 agents, first the count and then the change, with the acceptance
 * of these tasks.
 */
export async function benchClear(url: string, { say, ratio }: Report): Promise<void> {
  const ours = await openOurs(url);
  const { signal } = new AbortController();
  const bulk = createBulk(ours);
  const add = (count: number, priority: "low" | "high") =>
    inFlight(200, count, (index) =>
      ours.store.enqueue({ ...ours.newTask(index), class: priority, agent: `agent-${index % AGENTS}` }),
    );
  const seconds = async (work: () => Promise<unknown>): Promise<number> => {
    const start = performance.now();
    await work();
    return (performance.now() - start) / 1000;
  };
  try {
    await add(OTHERS, "high");
    const high = await bulk.prepareClear({ class: "high" }, signal);
    await bulk.clear({ class: "high" }, { token: high.token, reason: "" }, signal);
    await add(OTHERS, "high");
    const accepting = await seconds(() => add(TASKS, "low"));
    // A count leaves out what was accepted in its own millisecond.
    const acceptedMs = await ours.store.earliestNow();
    await eventually(async () => assert.notEqual(await ours.store.earliestNow(), acceptedMs));
    let prepared: Awaited<ReturnType<typeof bulk.prepareClear>> | undefined;
    const counting = await seconds(async () => (prepared = await bulk.prepareClear(LOW, signal)));
    const token = prepared?.token ?? "";
    const clearing = await seconds(async () => {
      const changed = await bulk.clear(LOW, { token, reason: "" }, signal);
      const cleared = [...changed.values()].reduce((sum, each) => sum + each, 0);
      if (cleared !== TASKS) throw new Error(`${cleared} tasks were cleared`);
    });
    say(
      `${TASKS} tasks of ${AGENTS} agents: accepted in ${accepting.toFixed(1)} s, counted in ${counting.toFixed(2)} s, cleared in ${clearing.toFixed(1)} s`,
    );
    ratio("count_vs_enqueue", counting / accepting);
    ratio("clear_vs_enqueue", clearing / accepting);
  } finally {
    await ours.close();
  }
}
