import type { RunEvent } from "./run-event.js";

/** The part of the answer that the events have shown so far. */
export interface Answer {
  /** Adds the next event of the run. */
  add(event: RunEvent): void;
  /** @deprecated The name of `add` in release 0.2. The next release removes it. */
  hear(event: RunEvent): void;
  /**
   * The last message of the newest attempt that was not taken back. When the task has succeeded, the text of its
   * result.
   */
  text(): string;
}

/**
 * Assembles the answer of a run while the engine writes it. Use it to show the whole answer again after each change. A
 * program that only appends text to its display must also handle `taken-back`.
 */
export function createAnswer(): Answer {
  let messages = new Map<number, string>();
  let result: string | undefined;
  const add = (event: RunEvent): void => {
    result = event.type === "ended" ? event.result?.text : undefined;
    if (event.type === "started") messages = new Map();
    if (event.type === "taken-back") messages.delete(event.message);
    if (event.type === "text") messages.set(event.message, (messages.get(event.message) ?? "") + event.text);
  };
  return {
    add,
    hear: add,
    text: () => result ?? messages.get(Math.max(...messages.keys())) ?? "",
  };
}
