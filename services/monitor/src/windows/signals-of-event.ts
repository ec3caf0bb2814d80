import type { Event } from "@ccsp/protos/ccsp/event/v1/event.js";
import { ErrorCategory, type TaskError } from "@ccsp/protos/ccsp/task/v1/task.js";
import { WindowState as StateMessage, type WindowSignal } from "@ccsp/protos/ccsp/usage/v1/window.js";
import { durationMs } from "@ccsp/protos/duration.js";
import { wordOf, wordsOf } from "@ccsp/protos/words.js";
import type { Login, Signal } from "./domain/window.js";

/** What an event says of the windows of a login. `resumed`: a person has opened the login's gate. */
export interface Said extends Login {
  readonly atMs: number;
  readonly signals: readonly Signal[];
  readonly resumed: boolean;
}

const STATE = wordsOf(StateMessage);

/**
 * Returns what the event says of usage windows, or undefined if it says nothing. `usage.windows` has what the provider
 * said while runs work. The end of a run has what its engine said. A run that met a closed window without a name counts as a signal of a window `usage`.
 */
export function saidByEvent({ time, data }: Event): Said | undefined {
  const atMs = time?.getTime() ?? 0;
  if (data?.$case === "gateOpened") {
    const [, engine, account] = /^account\/([^/]+)\/(.*)$/s.exec(data.value.scope) ?? [];
    return engine === undefined || account === undefined
      ? undefined
      : { engine, account, atMs, signals: [], resumed: true };
  }
  if (data?.$case === "usageWindows") {
    const { engine, account, windows } = data.value;
    const signals = windows.flatMap((window) => signalOf(window, true));
    return signals.length === 0 ? undefined : { engine, account, atMs, signals, resumed: false };
  }
  if (
    data?.$case !== "taskCompleted" &&
    data?.$case !== "taskFailed" &&
    data?.$case !== "taskRetried" &&
    data?.$case !== "taskCancelled"
  )
    return undefined;
  const { engine, account, windows } = data.value;
  const error = data.$case === "taskFailed" || data.$case === "taskRetried" ? data.value.error : undefined;
  const signals = windows.flatMap((window) => signalOf(window, false));
  const isNameless = error?.category === ErrorCategory.USAGE_WINDOW && signals.every(({ state }) => state !== "closed");
  if (isNameless) signals.push(nameless(error, atMs));
  return signals.length === 0 ? undefined : { engine, account, atMs, signals, resumed: false };
}

function signalOf({ name, state, resetTime, usedShare, length }: WindowSignal, live: boolean): Signal[] {
  const known = wordOf(STATE, state);
  if (known === undefined) return [];
  const [resetMs, lengthMs] = [resetTime?.getTime(), length && durationMs(length)];
  return [{ name, live, state: known, resetMs, share: usedShare, lengthMs }];
}

const nameless = ({ retryAfter }: TaskError, atMs: number): Signal => ({
  name: "usage",
  live: false,
  state: "closed",
  resetMs: retryAfter && atMs + durationMs(retryAfter),
  share: undefined,
  lengthMs: undefined,
});
