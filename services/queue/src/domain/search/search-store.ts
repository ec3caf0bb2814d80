import type { PriorityClass, State, Task } from "../task/task.js";

/** Reads tasks of agents, in order. */
export interface ListStore {
  /** Agents that have tasks, ended ones included. */
  owners(): Promise<readonly string[]>;
  /** Newest first, older than `before`, which may be another agent's. */
  listIds(agent: string, before: string | undefined, count: number): Promise<readonly string[]>;
  /** In the order of `ids`, without those that are gone or cannot be read. */
  findAll(ids: readonly string[]): Promise<readonly Task[]>;
}

/** Walks over the tasks that a filter may mean. */
export interface WalkStore {
  /** By the slowest of all clocks: what was accepted before this was accepted before now, whatever its shard. */
  earliestNow(): Promise<number>;
  /** Begins a walk over the tasks that may be of these. */
  beginWalk(where: Where): Promise<Cursor>;
  /**
   * About `count` of them, from where the page before ended; the last page has no `next`. Who is one from the beginning to the end is found,
   * perhaps twice, but for one that goes back meanwhile: from an executor to where it waits. Others are found too.
   */
  candidates(where: Where, count: number, cursor: Cursor): Promise<CandidatePage>;
}

/** Remembers what waits for a confirmation. */
export interface ConfirmationStore {
  /** Remembers for `keptMs` when something was prepared that needs a confirmation. */
  keepConfirmation(name: string, preparedMs: number, keptMs: number): Promise<void>;
  /** When it was prepared; undefined when nothing is remembered by this name. It can be taken once. */
  takeConfirmation(name: string): Promise<number | undefined>;
}

/** Which tasks; an empty list of classes means any. */
export interface Where {
  readonly states: readonly State[];
  readonly classes: readonly PriorityClass[];
  readonly engine?: string | undefined;
  readonly agent?: string | undefined;
}

export interface CandidatePage {
  /** When the walk began, on the clock of the shard that the page is of: who was accepted later is not meant. */
  readonly asOf: number;
  readonly found: readonly Candidate[];
  readonly next?: Cursor;
}

/** Of one walk; only the store that made it reads it. */
export type Cursor = string;

export interface Candidate {
  readonly id: string;
  /** It is QUEUED, of an engine, class and agent that were asked for; `sinceMs`: its age, accepted then or before. */
  readonly waits?: { readonly agent: string; readonly sinceMs: number };
}
