import type { RunEvent } from "@ccsp/client";
import type { RunEntry } from "@ccsp/client/messages";
import { toRunEntry, toRunEvents } from "@ccsp/client/plain";
import { runEventJson } from "../output/json-forms.js";

/** An event of a run, and its JSON form. */
export interface EventWithJson {
  readonly event: RunEvent;
  readonly json: () => Promise<object>;
}

/** The event with its JSON form, which is made of the entry that the event comes from. */
export const withJson = (event: RunEvent, entry: RunEntry): EventWithJson => ({
  event,
  json: () => runEventJson(event, entry),
});

/** The events of a run, for the messages of its stream. */
export async function* eventsWithJson(entries: AsyncIterable<RunEntry>): AsyncGenerator<EventWithJson, void> {
  // The events of an entry come before the next entry is read.
  const read: { entry?: RunEntry } = {};
  async function* log() {
    for await (const entry of entries) {
      read.entry = entry;
      yield toRunEntry(entry);
    }
  }
  for await (const event of toRunEvents(log())) if (read.entry) yield withJson(event, read.entry);
}
