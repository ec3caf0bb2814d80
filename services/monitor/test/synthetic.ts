import type { EventData } from "@ccsp/events";
import { createPublisher } from "@ccsp/events";
import { TaskCompleted, TaskFailed } from "@ccsp/protos/ccsp/event/v1/event.js";
import { Priority } from "@ccsp/protos/ccsp/task/v1/task.js";
import { toDuration } from "@ccsp/protos/duration.js";
import type { RedisConnection } from "@ccsp/redis-kit";
import { addCounts, type Counts, countsOf, noCounts } from "../src/usage/domain/counts.js";
import { DIMENSIONS, type Dimension, type Run } from "../src/usage/domain/run.js";
import { floor } from "../src/usage/domain/usage-report.js";
import { runOfEvent } from "../src/usage/events/run-of-event.js";

export const LABELS = ["team"];
const CLASSES = [Priority.URGENT, Priority.HIGH, Priority.NORMAL, Priority.LOW];

/** One end of an attempt, as the queue would tell it. */
export interface SyntheticEnd {
  readonly taskId: string;
  readonly agentId: string;
  readonly time: Date;
  readonly data: EventData;
}

/** The n-th end of synthetic traffic that is the same for each `seed`: agents differ in engine, model, team and load. */
export function syntheticEnd(
  n: number,
  of: { readonly agents: number; readonly time: Date; readonly seed: number },
): SyntheticEnd {
  const random = (salt: number): number => {
    let x = (n * 2_654_435_761 + salt * 40_503 + of.seed * 97) >>> 0;
    x = Math.imul(x ^ (x >>> 16), 2_246_822_507) >>> 0;
    x = Math.imul(x ^ (x >>> 13), 3_266_489_909) >>> 0;
    return ((x ^ (x >>> 16)) >>> 0) / 2 ** 32;
  };
  const agent = Math.floor(random(1) ** 2 * of.agents);
  const about = {
    engine: agent % 5 === 0 ? "opencode" : "claude-code",
    account: agent % 5 === 0 ? "" : `login-${agent % 3}`,
    model: random(2) < 0.8 ? `model-${agent % 3}` : `model-${(agent + 1) % 3}`,
    attempt: 1,
    priority: CLASSES[agent % 4] ?? Priority.NORMAL,
    labels: agent % 7 === 0 ? { other: "x" } : { team: `team-${agent % 10}` },
    usage: random(3) < 0.05 ? undefined : usageOf(random),
    costUsd: random(4) < 0.1 ? undefined : Math.floor(random(5) * 1e6) / 1e6,
  };
  const base = { taskId: `0-${of.seed}-${n}`, agentId: `agent-${agent}`, time: of.time };
  if (random(6) < 0.1) return { ...base, data: { $case: "taskFailed", value: TaskFailed.fromPartial(about) } };
  const times = {
    runTime: toDuration(Math.floor(random(7) * 60_000)),
    queueWait: toDuration(Math.floor(random(8) * 5_000)),
  };
  return { ...base, data: { $case: "taskCompleted", value: TaskCompleted.fromPartial({ ...about, ...times }) } };
}

const usageOf = (random: (salt: number) => number) => ({
  inputTokens: BigInt(Math.floor(random(9) * 10_000)),
  outputTokens: BigInt(Math.floor(random(10) * 2_000)),
  cacheReadTokens: BigInt(Math.floor(random(11) * 100_000)),
  cacheCreationTokens: BigInt(Math.floor(random(12) * 5_000)),
});

export function runOf({ data, ...about }: SyntheticEnd): Run {
  const run = runOfEvent({ id: "", traceparent: "", ...about, data }, LABELS);
  if (run === undefined) throw new Error("the end of no run");
  return run;
}

/** The plain recomputation: it adds every run to a map, by the first moment of its bucket and its dimensions. */
export class PlainSums {
  readonly #sums = new Map<string, Counts>();

  constructor(
    readonly groupBy: readonly Dimension[],
    readonly unitMs: number,
  ) {}

  add(run: Run): void {
    const key = this.key(floor(run.endTime.getTime(), this.unitMs), run.row);
    const sum = this.#sums.get(key) ?? noCounts();
    this.#sums.set(key, sum);
    addCounts(sum, countsOf(run));
  }

  key(start: number, row: Run["row"]): string {
    return JSON.stringify([start, ...DIMENSIONS.map((each) => (this.groupBy.includes(each) ? row[each] : ""))]);
  }

  get all(): ReadonlyMap<string, Counts> {
    return this.#sums;
  }
}

/** Publishes ends on partition 0, many at a time. */
export async function publishEnds(redis: RedisConnection, ends: readonly SyntheticEnd[]): Promise<void> {
  const { publish } = createPublisher(redis, "queue");
  await Promise.all(ends.map((end) => publish({ ...end, key: end.taskId })));
}
