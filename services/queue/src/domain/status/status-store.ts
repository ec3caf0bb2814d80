import type { PriorityClass } from "../task/task.js";

/** Counts what waits and runs. */
export interface StatusStore {
  depths(): Promise<readonly Depth[]>;
  /** Agents with waiting or running tasks, those with most first. */
  agentLoads(count: number): Promise<readonly AgentLoad[]>;
  counts(): Promise<Counts>;
}

export interface Depth {
  readonly engine: string;
  readonly class: PriorityClass;
  /** For an executor. */
  readonly waiting: number;
  readonly oldestAgeMs: number | undefined;
  readonly running: number;
  /** For a time; of very many the first to be ready. */
  readonly parked: number;
}

export interface AgentLoad {
  readonly agent: string;
  /** For an executor or for a time. */
  readonly waiting: number;
  readonly running: number;
}

export const byLoad = (a: AgentLoad, b: AgentLoad): number =>
  b.waiting + b.running - (a.waiting + a.running) || (a.agent < b.agent ? -1 : 1);

export interface Counts {
  readonly leased: number;
  readonly parked: number;
  readonly scheduled: number;
  readonly ended: number;
  /** What the bounds count. */
  readonly waitingBytes: number;
}
