import type { RunResponse, WatchResponse } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { Watched } from "../domain/log/watch.js";
import { toTaskEvent } from "./log-message.js";

/**
 * Remembers the message that `make` makes for an entry with a result. All watchers share the result, so it is decoded
 * and encoded once for all of them. Two entries carry the result: the answer of a cached task, and the end.
 */
function once<M extends object>(make: (watched: Watched) => M): (watched: Watched) => M {
  const made = new WeakMap<Uint8Array, Map<number, M>>();
  return (watched) => {
    const { entry, result } = watched;
    if (result === undefined) return make(watched);
    const ofResult = made.get(result) ?? new Map<number, M>();
    made.set(result, ofResult);
    const message = ofResult.get(entry.sequence) ?? make(watched);
    ofResult.set(entry.sequence, message);
    return message;
  };
}

export const toWatchResponse = once<WatchResponse>((watched) => ({ event: toTaskEvent(watched) }));

/** The response for a log entry. The response that carries the accepted task is made elsewhere. */
export const toRunResponse = once<RunResponse>((watched) => ({ task: undefined, event: toTaskEvent(watched) }));
