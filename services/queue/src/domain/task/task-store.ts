import type { Move, MoveOutcome } from "./move.js";
import type { Task } from "./task.js";

/** Reads the record of a task. */
export interface TaskReads {
  find(id: string): Promise<Task | undefined>;
  /**
   * To tell somebody: an end is then as safe as one that was answered to whoever made it. `whole`: that it has not ended, or no longer has,
   * is as safe.
   */
  findConfirmed(id: string, what?: "end" | "whole"): Promise<Task | undefined>;
  /** The task that is held under this fence, as it was when it was leased or later; any task when it is not held so. */
  findLeased(id: string, fence: number): Promise<Task | undefined>;
}

/** Reads what is stored apart from a task's record. */
export interface TaskContents {
  findPrompts(id: string): Promise<Uint8Array | undefined>;
  findResult(task: Pick<Task, "id" | "chunks">): Promise<Uint8Array | undefined>;
}

/** Changes a task. Every change is atomic; it may be asked for twice and then happens once. */
export interface TaskChanges {
  /** The event tells what `task` has of it. */
  move(task: Place & Partial<Task>, move: Move, result?: Uint8Array): Promise<MoveOutcome>;
  /** `ahead`: Redis forgot the lease; its holder's next Sync lets it go on. */
  report(report: Report): Promise<"ok" | "lost" | "ahead">;
  /** Forgets an ended task, also one that cannot be read any more. */
  remove(task: Pick<Task, "id" | "chunks">): Promise<void>;
}

/** Which task. Its engine never changes. */
export interface Place {
  readonly id: string;
  readonly engine: string;
}

export interface Report {
  readonly id: string;
  readonly fence: number;
  readonly number: number;
  readonly started?: { readonly traceparent: string };
  readonly entries: readonly Uint8Array[];
}

/** A task with what is stored apart from it. */
export interface FullTask {
  readonly task: Task;
  readonly prompts: Uint8Array | undefined;
  readonly result: Uint8Array | undefined;
}
