import type { RunEvent } from "./run-event.js";

/** The answer as far as events have told it. */
export interface Answer {
  hear(event: RunEvent): void;
  /** The last message of the newest attempt that was not taken back; at the end of a task that succeeded, its result's text. */
  text(): string;
}

/** Puts a run's answer together while it is written, for who shows it anew with each change. Who adds to what is there listens to `taken-back`. */
export function createAnswer(): Answer {
  let messages = new Map<number, string>();
  let result: string | undefined;
  return {
    hear(event) {
      result = event.type === "ended" ? event.result?.text : undefined;
      if (event.type === "started") messages = new Map();
      if (event.type === "taken-back") messages.delete(event.message);
      if (event.type === "text") messages.set(event.message, (messages.get(event.message) ?? "") + event.text);
    },
    text: () => result ?? messages.get(Math.max(...messages.keys())) ?? "",
  };
}
