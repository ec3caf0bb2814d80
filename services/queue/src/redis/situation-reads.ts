import { type ExecutorView, PRESENT_MS } from "../domain/executors/executor-store.js";
import { REMEMBERED_RUNS } from "../domain/explain/run-times.js";
import type { ExecutorSlots, Surroundings, Waiting } from "../domain/explain/situation.js";
import type { RunTimeStore, SituationStore } from "../domain/explain/situation-store.js";
import { CLASSES, type Task } from "../domain/task/task.js";
import type { Shard } from "./shard.js";
import { countOlder, MOST_AGENTS_READ, readStanding } from "./standing.js";
import { createExecutorReads } from "./status-reads.js";
import { MOST_HELD, readTasksIn } from "./task-pages.js";

/** Reads what can delay a task, and remembers how long runs take. */
export const createSituationReads = (shard: Shard): SituationStore & RunTimeStore => ({
  standing: (task) => readStanding(shard, task),
  surroundings: (task) => readSurroundings(shard, task),

  async rememberRun({ engine }, { ms, model }) {
    const { redis, keys } = shard;
    const runs = keys.runs(engine);
    await redis
      .pipeline()
      .lpush(runs, `${Math.round(ms)} ${model}`)
      .ltrim(runs, 0, REMEMBERED_RUNS - 1)
      .exec();
  },
});

async function readSurroundings(shard: Shard, task: Waiting): Promise<Surroundings> {
  const { redis, keys } = shard;
  const { engine, class: priority, created, since = created } = task;
  const of = keys.engine(engine);
  const [views, held, waiting, runs, agents] = await Promise.all([
    createExecutorReads(shard).executors(PRESENT_MS),
    readTasksIn(shard, keys.leases, MOST_HELD),
    Promise.all(CLASSES.map((each) => redis.zcard(of[`${each}Lines`]))),
    redis.lrange(keys.runs(engine), 0, -1),
    redis.zrangebyscore(of[`${priority}Heads`], "-inf", since, "LIMIT", 0, MOST_AGENTS_READ),
  ]);
  const [urgent = 0, ...others] = waiting;
  const older = await Promise.all(agents.map((agent) => countOlder(shard, of[`${priority}Lines`], agent, task)));
  return {
    executors: views.flatMap((view) => slotsOf(view, engine, held)),
    aheadInClass: sum(older),
    waiting: { urgent, others: sum(others) },
    elsewhere: [],
    runs: runs.map((run) => ({ ms: Number.parseInt(run, 10), model: run.slice(run.indexOf(" ") + 1) })),
  };
}

/** The slots of an executor for an engine; none when it does not offer the engine. */
function slotsOf({ id, draining, offers }: ExecutorView, engine: string, held: readonly Task[]): ExecutorSlots[] {
  const offer = offers.find((each) => each.engine === engine);
  if (offer === undefined) return [];
  const own = held.filter((task) => task.executor === id && task.engine === engine);
  return [{ id, draining, account: offer.account, slots: offer.slots, held: own.map(({ leased = 0 }) => leased) }];
}

const sum = (counts: readonly number[]): number => counts.reduce((total, each) => total + each, 0);
