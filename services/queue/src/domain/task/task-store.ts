import type { Move, MoveOutcome } from "./move.js";
import type { Task } from "./task.js";

/** Reads the record of a task. */
export interface TaskReads {
  find(id: string): Promise<Task | undefined>;
  /**
   * Reads a task for an answer to a caller. When the answer shows an end, this end is as safe from loss as an end that
   * was confirmed to the call that made it. With `whole`, this also holds for a task that has not ended or was put
   * back.
   */
  findConfirmed(id: string, what?: "end" | "whole"): Promise<Task | undefined>;
  /**
   * The task as it was when it was leased under this fence, or later. It does not prove that the lease is still held:
   * when the task is not held under this fence, the answer is the task in any state, or undefined.
   */
  findLeased(id: string, fence: number): Promise<Task | undefined>;
}

/** Enough of the stored prompts for one line of a list, with room for indentation. */
export const PROMPT_START_BYTES = 1024;

/** Reads what is stored apart from a task's record. */
export interface TaskContents {
  findPrompts(id: string): Promise<Uint8Array | undefined>;
  /** The first `PROMPT_START_BYTES` of what `findPrompts` returns, in the order of the tasks. */
  findPromptStarts(tasks: readonly Pick<Task, "id" | "size">[]): Promise<readonly (Uint8Array | undefined)[]>;
  findResult(task: Pick<Task, "id" | "chunks">): Promise<Uint8Array | undefined>;
}

/** Changes a task. Every change is atomic and idempotent: a repeated call changes nothing more. */
export interface TaskChanges {
  /** Makes the move. Its event only has those facts of the task that `task` gives. */
  move(task: Place & Partial<Task>, move: Move, result?: Uint8Array): Promise<MoveOutcome>;
  /** `ahead`: Redis lost the lease. The next Sync of its holder restores it. */
  report(report: Report): Promise<"ok" | "lost" | "ahead">;
  /** Deletes an ended task, also when its record cannot be read any more. */
  remove(task: Pick<Task, "id" | "chunks">): Promise<void>;
}

/** Names a task. Its engine never changes. */
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
  /** See `Task.usageSoFar`. Absent: the entries do not say it. */
  readonly usageSoFar?: string;
}

/** A task with the data that is stored apart from its record. */
export interface FullTask {
  readonly task: Task;
  readonly prompts: Uint8Array | undefined;
  readonly result: Uint8Array | undefined;
}
