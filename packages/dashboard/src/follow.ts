import type { Live, LiveMessage, LiveRequest } from "./live.js";

const REOPEN_MS = 2_000;
/** Nothing more comes, or a second request would get the same answer. */
const FINAL: readonly (string | undefined)[] = [undefined, "TASK_NOT_FOUND", "RUN_NOT_FOUND", "SCOPE_MISSING"];

export interface FollowListener {
  onEvent(event: LiveMessage): void;
  /** Nothing more comes. */
  onEnd?(): void;
}

/**
 * Follows the log of a task, or the output of its run, to its end, or until the returned function is called. What breaks
 * off is asked for again, with a new request.
 */
export function followToEnd(
  live: Pick<Live, "subscribe">,
  request: () => LiveRequest,
  listener: FollowListener,
): () => void {
  let leave = (): void => undefined;
  let reopening: ReturnType<typeof setTimeout> | undefined;
  const brokeOff = (reason: string | undefined): void => {
    if (FINAL.includes(reason)) return listener.onEnd?.();
    leave();
    reopening = setTimeout(open, REOPEN_MS);
  };
  const open = (): void => {
    leave = live.subscribe(request(), {
      onEvent: (event) => listener.onEvent(event),
      onEnded: brokeOff,
      onRefused: brokeOff,
    });
  };
  open();
  return () => {
    leave();
    clearTimeout(reopening);
  };
}
