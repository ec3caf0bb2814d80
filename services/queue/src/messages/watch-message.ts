import type { RunResponse, WatchResponse } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { Watched } from "../domain/log/watch.js";
import { toTaskEvent } from "./log-message.js";

/**
 * What `make` makes of an entry that tells of a result. All who watch share the result, so it is decoded and encoded once for all of
 * them. Two entries tell of one: the answer of a cached task, and the end.
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

/** Of an entry; the one that brings the task is another. */
export const toRunResponse = once<RunResponse>((watched) => ({ task: undefined, event: toTaskEvent(watched) }));
