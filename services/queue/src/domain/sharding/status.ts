import type { ExecutorStore, ExecutorView } from "../executors/executor-store.js";
import { joinSurroundings } from "../explain/situation.js";
import type { LineStore, RunTimeStore, SituationStore } from "../explain/situation-store.js";
import {
  byLoad,
  type Counts,
  type Depth,
  joinBacklogs,
  joinMinutes,
  type LabelLoad,
  type StatusStore,
} from "../status/status-store.js";
import type { Shards } from "./shards.js";

/** The status is the sum of all shards. */
export const shardedStatus = ({ all }: Shards): StatusStore & ExecutorStore => ({
  backlog: async () => joinBacklogs((await all((store) => store.backlog())).flat()),
  depths: async () => sumDepths((await all((store) => store.depths())).flat()),
  async counts() {
    const counts = await all((store) => store.counts());
    const sum = (count: keyof Counts) => counts.reduce((total, each) => total + each[count], 0);
    const [leased, waiting, parked, scheduled] = [sum("leased"), sum("waiting"), sum("parked"), sum("scheduled")];
    return { leased, waiting, parked, scheduled, ended: sum("ended"), waitingBytes: sum("waitingBytes") };
  },
  // An agent is in one shard only, so its load needs no sum.
  async agentLoads(count) {
    const loads = await all((store) => store.agentLoads(count));
    return loads.flat().toSorted(byLoad).slice(0, count);
  },
  async heldByLabels(most) {
    const sums = new Map<string, LabelLoad>();
    for (const { label, waiting, running } of (await all((store) => store.heldByLabels(most))).flat()) {
      const sum = sums.get(label) ?? { waiting: 0, running: 0 };
      sums.set(label, { label, waiting: waiting + sum.waiting, running: running + sum.running });
    }
    return [...sums.values()];
  },
  noteMinute: async () => void (await all((store) => store.noteMinute())),
  history: async (count) => joinMinutes(await all((store) => store.history(count))),
  executors: async (seenWithinMs) => joinExecutors((await all((store) => store.executors(seenWithinMs))).flat()),
});

/** A task waits in its own shard, for executors that ask all shards. */
export const shardedSituations = ({ all, ofAgent, ofTask, shardOfAgent }: Shards): SituationStore & RunTimeStore => ({
  standing: (task) => ofAgent(task.agent).standing(task),
  rememberRun: async (task, run) => ofTask(task.id)?.rememberRun(task, run),
  async surroundings(task) {
    const own = shardOfAgent(task.agent);
    const around = await all((store) => store.surroundings(task));
    const present = around[own];
    if (present === undefined) throw new Error("there is no shard");
    const others = around.filter((_, shard) => shard !== own);
    return joinSurroundings(present, others);
  },
});

/** The lines of an agent are in its shard. */
export const shardedLines = ({ all, idsOfAll, ofAgent }: Shards): LineStore => ({
  lineUps: async (engine, most) => (await all((store) => store.lineUps(engine, most))).flat(),
  idsInLine: (line, count) => ofAgent(line.agent).idsInLine(line, count),
  idsAside: (most) => idsOfAll((store) => store.idsAside(most)),
});

function sumDepths(depths: readonly Depth[]): Depth[] {
  const sums = new Map<string, Depth>();
  for (const depth of depths) {
    const place = `${depth.engine}/${depth.class}`;
    const sum = sums.get(place);
    const ages = [sum?.oldestAgeMs, depth.oldestAgeMs].filter((age) => age !== undefined);
    const oldestAgeMs = ages.length === 0 ? undefined : Math.max(...ages);
    sums.set(place, {
      ...depth,
      oldestAgeMs,
      waiting: depth.waiting + (sum?.waiting ?? 0),
      running: depth.running + (sum?.running ?? 0),
      parked: depth.parked + (sum?.parked ?? 0),
    });
  }
  return [...sums.values()];
}

function joinExecutors(views: readonly ExecutorView[]): ExecutorView[] {
  const joined = new Map<string, ExecutorView>();
  for (const view of views) {
    const other = joined.get(view.id);
    const latest = other && other.seenMs > view.seenMs ? other : view;
    joined.set(view.id, { ...latest, leases: view.leases + (other?.leases ?? 0) });
  }
  return [...joined.values()];
}
