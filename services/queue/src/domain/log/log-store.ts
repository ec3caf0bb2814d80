import type { Note } from "../task/move.js";
import type { State, Task } from "../task/task.js";

/** Reads the log of a task. */
export interface LogStore {
  /**
   * The first log entries after `sequence`: at most `count`, fewer when they are large. Undefined: there is no such
   * task.
   */
  readLog(id: string, sequence: number, count: number): Promise<LogPage | undefined>;
}

/** Reads single entries of a log. */
export interface NoteStore {
  /** The entries with these numbers. Those that are gone are left out. */
  readNotes(id: string, sequences: readonly number[]): Promise<readonly LogEntry[]>;
}

/** A page of a log and its task, both read at the same moment. */
export interface LogPage {
  readonly task: Task;
  /** Oldest first. The entry that says QUEUED at acceptance is not among them. */
  readonly entries: readonly LogEntry[];
  /** Further entries follow. */
  readonly more: boolean;
  /**
   * Present when the page has the entry that says SUCCEEDED, or the answer before it. Absent when the result is stored
   * in chunks (`task.chunks`): then `findResult` reads it.
   */
  readonly result: Uint8Array | undefined;
}

export interface LogEntry {
  readonly sequence: number;
  readonly timeMs: number;
  readonly attempt: number;
  readonly content:
    | { readonly kind: "state"; readonly state: State; readonly note: Note }
    /** The task was answered without a run: the text of its result. */
    | { readonly kind: "answer" }
    /** An encoded `TaskEvent`, as the executor reported it. */
    | { readonly kind: "reported"; readonly event: Uint8Array };
}

/** Whether a watcher gets the task's result with this entry. */
export const tellsResult = ({ content }: LogEntry): boolean =>
  content.kind === "answer" || (content.kind === "state" && content.state === "SUCCEEDED");
