import type { Identity } from "@ccsp/identity";
import { type CallMeter, callerAddress } from "./call-meter.js";
import { type CallerLimits, CallerState } from "./caller-limits.js";
import { UnreadBytes } from "./caller-unread.js";
import { CallUnread } from "./unread.js";

export interface CallerBoundsOptions {
  /** Without them, a caller may have any number of calls. Omit them if the callers are services. */
  readonly limits?: CallerLimits | undefined;
  /**
   * The most bytes that the process may hold for one caller who does not read them. It counts the calls that name their
   * caller with `context.unread.countFor`. Default: 32 MiB, the size of two of the largest messages.
   */
  readonly unreadBytes?: number | undefined;
  /** The longest time that a call waits until its caller has read enough, in ms. Default: 60 s. */
  readonly waitMs?: number | undefined;
  /** The limits that this process shares with its replicas. */
  readonly meter?: CallMeter | undefined;
}

const DEFAULT_UNREAD_BYTES = 32 * 1024 * 1024;

/**
 * The bounds on one caller. They know no transport. Give all servers of a process the same object: then a caller that
 * uses several of them has each bound once.
 */
export class CallerBounds {
  readonly limits: CallerLimits | undefined;
  readonly meter: CallMeter | undefined;
  readonly #unread: UnreadBytes;
  readonly #callers = new Map<string, CallerState>();

  constructor({ limits, unreadBytes, waitMs = 60_000, meter }: CallerBoundsOptions = {}) {
    this.limits = limits;
    this.meter = meter;
    this.#unread = new UnreadBytes({ callerBytes: unreadBytes ?? DEFAULT_UNREAD_BYTES, waitMs });
  }

  /** The state of a caller by its `callerName`, or undefined without `limits`. It forgets callers that are idle. */
  stateOf(caller: string): CallerState | undefined {
    const known = this.#callers.get(caller);
    if (known || !this.limits) return known;
    for (const [name, state] of this.#callers) if (state.idle) this.#callers.delete(name);
    const state = new CallerState(this.limits);
    this.#callers.set(caller, state);
    return state;
  }

  /** What one call uses of its caller's room. `signal` aborts when the call ends early. Close it when the call ends. */
  unreadOf(signal: () => AbortSignal): CallUnread {
    return new CallUnread(this.#unread, signal);
  }
}

/** Names a caller alike on every transport: by its identity, or by the host of `peer` if it proved none. */
export const callerName = (identity: Identity | undefined, peer: string): string =>
  identity ? `${identity.kind} ${identity.subject}` : callerAddress(peer);
