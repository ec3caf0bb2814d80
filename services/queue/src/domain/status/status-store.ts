import type { PriorityClass } from "../task/task.js";

/** Counts waiting and running tasks. */
export interface StatusStore {
  /** What waits in the lines of each engine. It is cheaper than `depths` and leaves out tasks that a limit blocks. */
  backlog(): Promise<readonly Backlog[]>;
  depths(): Promise<readonly Depth[]>;
  /** Agents with waiting or running tasks, the agents with the most tasks first. */
  agentLoads(count: number): Promise<readonly AgentLoad[]>;
  counts(): Promise<Counts>;
  /** Tasks that a label holds, because its gate is closed or its cap is reached. At most `most` labels. */
  heldByLabels(most: number): Promise<readonly LabelLoad[]>;
  /** Notes the counts of this minute, if nobody has done so. */
  noteMinute(): Promise<void>;
  /** The noted ones among the newest `count` minutes, the oldest first. At most `MOST_MINUTES` are kept. */
  history(count: number): Promise<readonly Minute[]>;
}

/** A day. */
export const MOST_MINUTES = 1_440;

/** How many tasks ran and waited at the beginning of a minute. */
export interface Minute {
  /** Minutes since 1970. */
  readonly minute: number;
  readonly running: number;
  /** Tasks that waited for an executor. */
  readonly waiting: number;
  /** Tasks that waited for a time. */
  readonly parked: number;
}

/** The sums of several shards. A minute that one of them lacks is left out: its sum is not known. */
export function joinMinutes(shards: readonly (readonly Minute[])[]): Minute[] {
  const [first = new Map<number, Minute>(), ...others] = shards.map(
    (each) => new Map(each.map((one) => [one.minute, one])),
  );
  return [...first.values()].flatMap(({ minute, ...counts }) => {
    const rest = others.flatMap((shard) => shard.get(minute) ?? []);
    if (rest.length < others.length) return [];
    const sum = (count: keyof typeof counts) => rest.reduce((total, each) => total + each[count], counts[count]);
    return { minute, running: sum("running"), waiting: sum("waiting"), parked: sum("parked") };
  });
}

export interface Depth {
  readonly engine: string;
  readonly class: PriorityClass;
  /** Tasks that wait for an executor. */
  readonly waiting: number;
  readonly oldestAgeMs: number | undefined;
  readonly running: number;
  /** Tasks that wait for a time. When there are very many, it counts only the first ones to be ready. */
  readonly parked: number;
}

export interface AgentLoad {
  readonly agent: string;
  /** Tasks that wait for an executor or for a time. */
  readonly waiting: number;
  readonly running: number;
}

export interface LabelLoad {
  /** In the form of `labelName`. */
  readonly label: string;
  readonly waiting: number;
  readonly running: number;
}

export const byLoad = (a: AgentLoad, b: AgentLoad): number =>
  b.waiting + b.running - (a.waiting + a.running) || (a.agent < b.agent ? -1 : 1);

export interface Counts {
  readonly leased: number;
  /** Tasks that wait for an executor. */
  readonly waiting: number;
  readonly parked: number;
  readonly scheduled: number;
  readonly ended: number;
  /** Bytes of waiting tasks, as the bounds count them. */
  readonly waitingBytes: number;
}

export interface Backlog {
  readonly engine: string;
  readonly waiting: number;
  /** Undefined: nothing waits. */
  readonly oldestAgeMs: number | undefined;
}

/** The backlogs of several shards as one. */
export function joinBacklogs(backlogs: readonly Backlog[]): Backlog[] {
  const joined = new Map<string, Backlog>();
  for (const { engine, waiting, oldestAgeMs } of backlogs) {
    const before = joined.get(engine);
    const ages = [before?.oldestAgeMs, oldestAgeMs].filter((age) => age !== undefined);
    const oldest = ages.length === 0 ? undefined : Math.max(...ages);
    joined.set(engine, { engine, waiting: waiting + (before?.waiting ?? 0), oldestAgeMs: oldest });
  }
  return [...joined.values()];
}
