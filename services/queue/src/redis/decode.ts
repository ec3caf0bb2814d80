import type { LogEntry } from "../domain/log/log-store.js";
import type { Note } from "../domain/task/move.js";
import { STATES, type Task } from "../domain/task/task.js";
import { readStoredFailure } from "../messages/failure.js";

/** Only the scripts write records, so their shape is trusted. A later release may have more words for a failure. */
export function decodeTask(id: string, record: Buffer | string): Task {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
  const task = Object.assign(JSON.parse(record.toString()) as Omit<Task, "id">, { id });
  return task.error === undefined ? task : Object.assign(task, { error: readStoredFailure(task.error) });
}

/** The same for a read of many tasks, which must not fail for one: undefined for a record that cannot be read. */
export function decodeReadable(id: string, record: Buffer | string): Task | undefined {
  try {
    return decodeTask(id, record);
  } catch {
    return undefined;
  }
}

/** A stream entry `0-n` is sequence n + 1: sequence 1 is the record itself (see enqueue_tasks.lua). */
export function decodeEntry([streamId, fields]: [Buffer, Buffer[]]): LogEntry {
  const values = new Map<string, Buffer>();
  for (let i = 0; i + 1 < fields.length; i += 2) values.set(String(fields[i]), fields[i + 1] ?? Buffer.alloc(0));
  return {
    sequence: Number(streamId.toString().slice(2)) + 1,
    timeMs: Number(values.get("time")),
    attempt: Number(values.get("attempt")),
    content: decodeContent(values),
  };
}

/**
 * The entries at the end of a log that say that its task succeeded; none for any other task. The stream of the log does
 * not have them: the record itself says SUCCEEDED (see move_tasks.lua). A task that was answered without a run also has
 * an entry for its text, which is stored only as its result. `length` is the number of entries in the stream.
 */
export function successOf({ state, ended = 0, attempt = 0, fence }: Task, length: number): readonly LogEntry[] {
  if (state !== "SUCCEEDED") return [];
  const entries: readonly LogEntry["content"][] = [
    ...(fence === undefined ? [{ kind: "answer" } as const] : []),
    { kind: "state", state, note: {} },
  ];
  return entries.map((content, i) => ({ sequence: length + 2 + i, timeMs: ended, attempt, content }));
}

function decodeContent(values: ReadonlyMap<string, Buffer>): LogEntry["content"] {
  const event = values.get("event");
  if (event) return { kind: "reported", event };
  const state = STATES.find((each) => each === String(values.get("state")));
  if (state === undefined) throw new Error(`a log entry has the unknown state ${String(values.get("state"))}`);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by move_tasks.lua from a Note
  const note = JSON.parse(values.get("note")?.toString() ?? "{}") as Note;
  return { kind: "state", state, note: note.error ? { ...note, error: readStoredFailure(note.error) } : note };
}

/** The stream id of this sequence. The entries after the sequence have greater ids. */
export const streamIdOf = (sequence: number): string => `0-${Math.max(sequence - 1, 0)}`;

/** The same bytes, not a copy. */
export const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
