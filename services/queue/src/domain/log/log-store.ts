import type { Note } from "../task/move.js";
import type { State, Task } from "../task/task.js";

/** Reads the log of a task. */
export interface LogStore {
  /** The first log entries after `sequence`, at most `count`, and fewer where they are large; undefined when there is no such task. */
  readLog(id: string, sequence: number, count: number): Promise<LogPage | undefined>;
}

/** All in one look. */
export interface LogPage {
  /** As it was then. */
  readonly task: Task;
  /** Oldest first. The entry that says QUEUED at acceptance is not among them. */
  readonly entries: readonly LogEntry[];
  /** Further entries follow. */
  readonly more: boolean;
  /** With the entry that says SUCCEEDED and the answer before it, unless the task has it in `chunks`: `findResult` reads that. */
  readonly result: Uint8Array | undefined;
}

export interface LogEntry {
  readonly sequence: number;
  readonly timeMs: number;
  readonly attempt: number;
  readonly content:
    | { readonly kind: "state"; readonly state: State; readonly note: Note }
    /** The text of the result, of a task that was answered without a run. */
    | { readonly kind: "answer" }
    /** As an executor reported it, in the form of the contract. */
    | { readonly kind: "reported"; readonly event: Uint8Array };
}

/** The task's result belongs to it. */
export const tellsResult = ({ content }: LogEntry): boolean =>
  content.kind === "answer" || (content.kind === "state" && content.state === "SUCCEEDED");
