import type { Closing, Gate, GatesByName } from "./gates.js";
import type { Scope } from "./scope.js";

/** Reads gates. */
export interface GateReads {
  /** Closed gates, and gates that have opened and are on their ramp. */
  gates(): Promise<GatesByName>;
  /** When the holds of budgets were set last (ms since 1970). Undefined: never. */
  holdsSetMs(): Promise<number | undefined>;
}

/** How a gate is opened. */
export interface Opening {
  /** An event tells other services who opened it. Absent: no event. */
  readonly by?: { readonly who: string; readonly why: string };
  /** Opens the gate only when it was closed at this time. */
  readonly closedMs?: number;
  /** How long it then lets work through on a ramp. Absent: as long as the gate says that was closed. */
  readonly rampMs?: number | undefined;
}

/** Opens and closes gates. */
export interface GateStore extends GateReads {
  /** Returns the gate after the call. */
  closeGate(closing: Closing): Promise<Gate>;
  /** Returns whether the gate was closed. */
  openGate(scope: Scope, opening?: Opening): Promise<boolean>;
  /**
   * Copies the gates of the first shard to all others, including the gate of an emergency stop. A process may have died
   * after it changed only some of the shards.
   */
  reconcileGates(): Promise<void>;
  /** Writes the event `usage.windows` with this data. A repeated call writes it once more. */
  tellWindows(data: string): Promise<void>;
  /** Remembers that the holds of budgets were set now. */
  noteHolds(): Promise<void>;
  /** Deletes gates whose time is over, and wakes executors when a gate lets work through. */
  openDueGates(): Promise<void>;
}

/** Limits on running tasks: bounds of adaptive concurrency, throttled agents, rates. */
export interface LimitStore {
  /** Adapts how many concurrent runs a login may have, after the provider was overloaded or a run succeeded. */
  adaptBound(login: { engine: string; account: string }, what: "overloaded" | "succeeded"): Promise<void>;
  /**
   * Lets a throttled agent run again: its gate, cap or rate let no task start. Without a name: all throttled agents.
   */
  unthrottle(agent?: string): Promise<void>;
  /** Lets throttled agents run again when their rate has refilled. */
  unthrottleRefilled(): Promise<void>;
  /** Counts the leases again, because a count may be wrong. It does so at most twice a minute. */
  recountLeases(): Promise<void>;
}

/** Finds blocked tasks, which are in no waiting line. */
export interface BlockedStore {
  /**
   * Blocked tasks, oldest first. For each reason (the scope of a label or model, `late` or `broken`), `room` returns how
   * many to find. It gets the number of running tasks of that scope.
   */
  blockedIds(room: (reason: string, running: number) => number): Promise<readonly string[]>;
  /** The oldest task that is blocked for this reason, in the shard of the task `id`. */
  firstBlocked(id: string, reason: string): Promise<string | undefined>;
}
