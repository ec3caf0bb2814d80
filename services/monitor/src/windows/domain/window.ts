import type { Known } from "../../forecast/usage-history.js";

/** What is known of one usage window of one login. Times are in ms. */
export interface Window {
  readonly engine: string;
  /** Empty: the engine has only one login. */
  readonly account: string;
  /** As the engine names it. `usage`: the engine said that a window is closed, and gave no name. */
  readonly name: string;
  /** By the last signal. Undefined: a person has resumed the login since, so it is not known. */
  readonly state: WindowState | undefined;
  /** When the present period began. Undefined: it is not known. */
  readonly startMs: number | undefined;
  /** When the period ends. Undefined: the engine did not say it. */
  readonly resetMs: number | undefined;
  readonly lengthMs: number | undefined;
  /** The share that the engine told last in this period, and when. */
  readonly share: number | undefined;
  readonly shareMs: number | undefined;
  readonly firstMs: number;
  readonly signalMs: number;
  /** When the last live signal of this period came. Undefined: none did, as of a login without the executor's broker. */
  readonly liveMs: number | undefined;
  /** How many times the window was seen to turn. */
  readonly resets: number;
  /** What usage fills the window, learned from the last share of at least a tenth or the last closing. */
  readonly full: Full | undefined;
  /** The shares of this period of which an event has told. 1: that it is predicted to run out. */
  readonly told: readonly number[];
}

export type WindowState = "open" | "warning" | "closed";

/** The usage of a whole window, as far as it can be said. `atMs` is the time of the share that it was learned from. */
export interface Full extends Pick<Known, "tokens" | "cost" | "requests"> {
  /** The cost of all runs was known. */
  readonly costKnown: boolean;
  readonly atMs: number;
}

/** What an engine or its provider said of a window. */
export interface Signal {
  /**
   * The provider said it at the time of the signal. Otherwise the end of a run tells it, as the engine heard it last in
   * this run: that may be long before, and answers to other runs may have told more since.
   */
  readonly live: boolean;
  readonly name: string;
  readonly state: WindowState;
  readonly resetMs: number | undefined;
  readonly share: number | undefined;
  readonly lengthMs: number | undefined;
}

export interface Login {
  readonly engine: string;
  readonly account: string;
}

/** The name of a window among all windows. The window is last, because a login may have a `/` in its name. */
export const windowName = ({ engine, account, name }: Login & { readonly name: string }): string =>
  `${engine}/${account}/${name}`;

/** A share that is less than half of the one before: the provider has reset the window before its time. */
const hasDropped = (before: number | undefined, share: number | undefined): boolean =>
  before !== undefined && share !== undefined && before > 0.2 && share < before / 2;

/** How much of a window a state says is used. Undefined, after a resume, says nothing. */
const USE: readonly (WindowState | undefined)[] = [undefined, "open", "warning", "closed"];

/** Whether a signal says that less is used than is known. Within a period, what is used only grows. */
const saysLess = (signal: Signal, known: Window): boolean => {
  const by = USE.indexOf(signal.state) - USE.indexOf(known.state);
  return by < 0 || (by === 0 && (signal.share ?? 0) < (known.share ?? 0));
};

/**
 * Returns the window after a signal. Returns `before` itself if the signal is older than what is known. If two signals
 * have the same millisecond, the one that says that more is used counts: it is the later one.
 *
 * A period ends when its reset time has passed, or when the share drops to less than half. Providers move the reset time
 * by seconds, so another reset time alone begins no period.
 *
 * What the end of a run tells of a period that is over is old. In a period with live signals, it counts only as far as
 * it says that more is used, unless the reset time has moved.
 */
export function afterSignal(login: Login, before: Window | undefined, signal: Signal, atMs: number): Window {
  if (before !== undefined && (atMs < before.signalMs || (atMs === before.signalMs && saysLess(signal, before))))
    return before;
  if (before !== undefined && !signal.live && hasEnded(signal, atMs)) return before;
  const onlyGrows = before !== undefined && isSecondHand(signal, before, atMs);
  if (onlyGrows && saysLess(signal, before)) return before;
  const dropped = !onlyGrows && hasDropped(before?.share, signal.share);
  const turned = before !== undefined && (hasEnded(before, atMs) || dropped);
  const last = before === undefined || turned ? undefined : before;
  const resetMs = signal.resetMs ?? last?.resetMs;
  const lengthMs = signal.lengthMs ?? before?.lengthMs;
  const share = onlyGrows ? highest(signal.share, before.share) : (signal.share ?? last?.share);
  return {
    ...login,
    name: signal.name,
    state: signal.state,
    startMs:
      last === undefined
        ? startOf({ resetMs, lengthMs, turnedMs: turned ? (before?.resetMs ?? atMs) : undefined })
        : last.startMs,
    resetMs,
    lengthMs,
    share,
    shareMs: signal.share === undefined || share !== signal.share ? last?.shareMs : atMs,
    firstMs: before?.firstMs ?? atMs,
    signalMs: atMs,
    liveMs: signal.live ? atMs : last?.liveMs,
    resets: (before?.resets ?? 0) + (turned ? 1 : 0),
    full: before?.full,
    told: last?.told ?? [],
  };
}

/** Much more than the seconds by which providers move a reset time, and much less than a window. */
const MOVED_MS = 10 * 60_000;

/** Whether the end of a run tells a signal of a period in which live signals came. */
const isSecondHand = (signal: Signal, known: Window, atMs: number): boolean =>
  !signal.live &&
  known.liveMs !== undefined &&
  !hasEnded(known, atMs) &&
  !((signal.resetMs ?? 0) > (known.resetMs ?? Number.POSITIVE_INFINITY) + MOVED_MS);

const highest = (one: number | undefined, other: number | undefined): number | undefined =>
  one === undefined || other === undefined ? (one ?? other) : Math.max(one, other);

function startOf({
  resetMs,
  lengthMs,
  turnedMs,
}: {
  readonly resetMs: number | undefined;
  readonly lengthMs: number | undefined;
  readonly turnedMs: number | undefined;
}): number | undefined {
  if (resetMs !== undefined && lengthMs !== undefined) return resetMs - lengthMs;
  return turnedMs;
}

/** The window after a person resumed its login: a closed window may be open again, and a run will show it. */
export const afterResume = (before: Window, atMs: number): Window =>
  before.state === "closed" && atMs >= before.signalMs ? { ...before, state: undefined, signalMs: atMs } : before;

const hasEnded = ({ resetMs }: Pick<Window, "resetMs">, nowMs: number): boolean =>
  resetMs !== undefined && resetMs <= nowMs;

/** The window as it stands now: one whose reset time has passed has turned, and nothing was said of the new period. */
export function present(window: Window, nowMs: number): Window {
  if (!hasEnded(window, nowMs)) return window;
  return {
    ...window,
    state: undefined,
    startMs: window.resetMs,
    resetMs: undefined,
    share: undefined,
    shareMs: undefined,
    liveMs: undefined,
    resets: window.resets + 1,
    told: [],
  };
}
