import type { RunResponse, WatchResponse } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { Watched } from "../domain/watch.js";
import { toTaskEvent } from "./log-message.js";

type Made<M> = { readonly sequence: number; readonly message: M };

/** What `make` makes of an entry, the same for all who watch when its result is: then it is decoded, and encoded, once for all of them. */
function once<M extends object>(make: (watched: Watched) => M): (watched: Watched) => M {
  const made = new WeakMap<Uint8Array, Made<M>>();
  return (watched) => {
    const { entry, result } = watched;
    if (result === undefined) return make(watched);
    const known = made.get(result);
    if (known?.sequence === entry.sequence) return known.message;
    const message = make(watched);
    made.set(result, { sequence: entry.sequence, message });
    return message;
  };
}

export const toWatchResponse = once<WatchResponse>((watched) => ({ event: toTaskEvent(watched) }));

/** Of an entry; the one that brings the task is another. */
export const toRunResponse = once<RunResponse>((watched) => ({ task: undefined, event: toTaskEvent(watched) }));
