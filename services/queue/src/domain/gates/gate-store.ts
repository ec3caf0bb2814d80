import type { Closing, Gate, GatesByName } from "./gates.js";
import type { Scope } from "./scope.js";

/** Reads gates. */
export interface GateReads {
  /** Closed gates, and those that opened and are on their ramp. */
  gates(): Promise<GatesByName>;
}

/** Opens and closes gates. */
export interface GateStore extends GateReads {
  /** Answers the gate as it is then. */
  closeGate(closing: Closing): Promise<Gate>;
  /** Answers whether it had been closed. Other services are told who opened it, unless nobody is named. `closedMs`: only the one that was closed then. */
  openGate(scope: Scope, by?: { readonly who: string; readonly why: string }, closedMs?: number): Promise<boolean>;
  /** Makes every shard have the gates that the first one has, that of an emergency stop too, should a process have died in between. */
  mendGates(): Promise<void>;
  /** Forgets gates whose time is over, and wakes executors for those that let work through. */
  openDueGates(): Promise<void>;
}

/** Keeps the limits on what runs: bounds of adaptive concurrency, throttled agents, rates. */
export interface LimitStore {
  /** How many runs of a login may go on at once, after the provider was overloaded or one of them succeeded. */
  adaptBound(login: { engine: string; account: string }, what: "overloaded" | "succeeded"): Promise<void>;
  /** Lets a throttled agent try again: one whose gate, cap or rate let nothing start. Without a name: all of them. */
  unthrottle(agent?: string): Promise<void>;
  /** Lets the agents try again whose rate has refilled. */
  unthrottleRefilled(): Promise<void>;
  /** Counts again what is leased, should a count be wrong; twice a minute, however often it is called. */
  mendRunning(): Promise<void>;
}

/** Finds tasks that are kept out of their lines. */
export interface BlockedStore {
  /** Blocked tasks, oldest first, as many as `room` says for a reason (a label's scope, `late` or `broken`) of which so many run. */
  blockedIds(room: (reason: string, running: number) => number): Promise<readonly string[]>;
  /** The task that was blocked first for this reason, where this task is stored. */
  firstBlocked(id: string, reason: string): Promise<string | undefined>;
}
