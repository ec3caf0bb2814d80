import type { EngineEvent } from "../engine.js";
import { FIRST_MESSAGE } from "../text.js";

/** The answer that the events give: the last message that was not taken back. */
export function answerOf(events: Iterable<EngineEvent>): string {
  const messages = new Map<number, string>();
  for (const event of events) {
    if (event.type === "taken-back") messages.delete(event.message);
    if (event.type !== "text") continue;
    const { message = FIRST_MESSAGE, text } = event;
    messages.set(message, (messages.get(message) ?? "") + text);
  }
  return messages.get(Math.max(...messages.keys())) ?? "";
}
