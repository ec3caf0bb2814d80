import type { PriorityClass, State, Task } from "../task/task.js";

/** Lists the tasks of agents. */
export interface ListStore {
  /** The agents that have tasks, including ended tasks. */
  owners(): Promise<readonly string[]>;
  /**
   * At most `count` tasks of an agent, newest first and older than `before`, which may be the task of another agent.
   * Tasks that cannot be read are left out. `next` is the `before` of the next page; the last page has none.
   */
  newestOf(
    agent: string,
    before: string | undefined,
    count: number,
  ): Promise<{ readonly tasks: readonly Task[]; readonly next?: string | undefined }>;
  /** Ids of an agent's tasks, newest first and older than `before`, which may be the task of another agent. */
  listIds(agent: string, before: string | undefined, count: number): Promise<readonly string[]>;
  /** The tasks in the order of `ids`, without tasks that are gone or cannot be read. */
  findAll(ids: readonly string[]): Promise<readonly Task[]>;
}

/** Scans the tasks that a filter may match. */
export interface ScanStore {
  /**
   * Ms since 1970 on the slowest clock of all shards. A task with an earlier time of acceptance was accepted before
   * now, whatever its shard.
   */
  earliestNow(): Promise<number>;
  /** Begins a scan of the tasks that may match `where`. */
  beginScan(where: Where): Promise<Cursor>;
  /**
   * Returns about `count` tasks, from where the previous page ended. The last page has no `next`. A task that matches
   * `where` during the whole scan is found, perhaps twice. One exception: a task may be missed when it goes back from
   * an executor to where it waits meanwhile. Tasks that do not match may be found too.
   */
  candidates(where: Where, count: number, cursor: Cursor): Promise<CandidatePage>;
}

/** Remembers calls that wait for a confirmation. */
export interface ConfirmationStore {
  /** Remembers for `keptMs` when a call was prepared that needs a confirmation. */
  keepConfirmation(name: string, preparedMs: number, keptMs: number): Promise<void>;
  /** When the call was prepared. It can be taken once. Undefined when this name is not known. */
  takeConfirmation(name: string): Promise<number | undefined>;
}

/** The tasks of a scan. An empty list of classes means any. */
export interface Where {
  readonly states: readonly State[];
  readonly classes: readonly PriorityClass[];
  readonly engine?: string | undefined;
  readonly agent?: string | undefined;
}

export interface CandidatePage {
  /**
   * When the scan began, on the clock of the shard of this page. Tasks that were accepted later do not belong to the
   * scan.
   */
  readonly asOf: number;
  readonly found: readonly Candidate[];
  readonly next?: Cursor;
}

/** The position of one scan. Only the store that made it can read it. */
export type Cursor = string;

export interface Candidate {
  readonly id: string;
  /** The task is QUEUED and matches engine, class and agent. It was accepted at `sinceMs` or before. */
  readonly waits?: { readonly agent: string; readonly sinceMs: number };
}
