import type { Consumed, Failure, State, Task } from "./task.js";

/** One change of state: where it applies, what it changes, and what the log and the event say about it. */
export interface Move {
  readonly to: State;
  /** The state that the decision is based on. Absent: any state; then `fence` decides. */
  readonly from?: State;
  /** The move applies only while this fence holds the task. */
  readonly fence?: number;
  /** The call that uses up the lease. A repeat of the same call is recognised by it. */
  readonly settle?: "complete" | "fail" | "release";
  /** The move applies only when this time has come: the lease has expired, the parking is over, or the alarm is due. */
  readonly due?: "leases" | "parked" | "alarms";
  /** Tokens that the run used. Absent: not known. */
  readonly used?: number;
  /** What the run consumed, for the task's span. Absent: not known. */
  readonly consumed?: Consumed | undefined;
  /** Restores a lease that the store lost, for this time (ms). `set` has its fence and holder. */
  readonly leaseMs?: number;
  /** The bounds on waiting tasks apply, as for a new task. */
  readonly bounded?: true;
  /** New values of fields. Null deletes the field. */
  readonly set: { readonly [Field in keyof Task]?: Task[Field] | null };
  /** The entry in the task's log. Absent: the log does not show this change. */
  readonly note?: Note;
  readonly event?: MoveEvent;
}

/** What is known about a run that ended. */
export interface RunFacts {
  readonly tokens?: number;
  readonly consumed?: Consumed | undefined;
  /** JSON members of the event. The domain does not read them. */
  readonly event?: object;
}

/** The details of a log entry about a change of state. */
export interface Note {
  readonly reason?: string;
  readonly error?: Failure;
  readonly readyMs?: number;
}

/** The event that other services get. */
export interface MoveEvent {
  readonly type: "completed" | "retried" | "failed" | "cancelled" | "expired";
  readonly reason?: string;
  readonly error?: Failure;
  readonly readyMs?: number;
  /** Further JSON members of the event. The domain does not read them. */
  readonly facts?: object;
}

/** The bound that the move would exceed, by the name of its count: see `boundNamed`. */
export type FullOutcome = `full ${string}`;

/**
 * - `done`: this same move was made before.
 * - `ahead`: the store lost the holder's lease. The holder's next Sync restores it.
 * - `moved`: the state is not `from` any more.
 * - `early`: the task is not `due` any more.
 */
export type MoveOutcome = "ok" | "done" | "lost" | "ahead" | "moved" | "early" | "missing" | FullOutcome;
