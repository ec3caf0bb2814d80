import type { Failure, State, Task } from "./task.js";

/** One change of state: where it applies, what follows, and what is told about it. */
export interface Move {
  readonly to: State;
  /** The state that it was decided from. Absent: any, as `fence` says. */
  readonly from?: State;
  /** Only for the holder of this lease. */
  readonly fence?: number;
  /** What the lease is used up for; a repeat with the same word is recognised. */
  readonly settle?: "complete" | "fail" | "release";
  /** Only when its time there has come: the lease has expired, the parking is over, it should have started. */
  readonly due?: "leases" | "parked" | "alarms";
  /** Tokens that the run used; absent when nobody knows. */
  readonly used?: number;
  /** A lease of this length begins, with the fence and holder in `set`: the one that its holder has and that the store forgot. */
  readonly leaseMs?: number;
  /** Only where the bounds on what waits have room for it, as for a new task. */
  readonly bounded?: true;
  /** What changes; null: it is forgotten. */
  readonly set: { readonly [Field in keyof Task]?: Task[Field] | null };
  /** What the task's log says; absent when the log does not show this change. */
  readonly note?: Note;
  readonly event?: MoveEvent;
}

/** What is known of a run that ended. */
export interface RunFacts {
  readonly tokens?: number;
  /** Members of the event, in the form of the contract; nothing here looks into it. */
  readonly event?: object;
}

/** Of a log entry about a change of state. */
export interface Note {
  readonly reason?: string;
  readonly error?: Failure;
  readonly readyMs?: number;
}

/** What other services are told. */
export interface MoveEvent {
  readonly type: "completed" | "retried" | "failed" | "cancelled" | "expired";
  readonly reason?: string;
  readonly error?: Failure;
  readonly readyMs?: number;
  /** More members of the event, in the form of the contract; nothing here looks into it. */
  readonly facts?: object;
}

/** The bound that had no room, by the name of its count; see `boundNamed`. */
export type FullOutcome = `full ${string}`;

/** `done`: this very move was made before. `ahead`: the store forgot the holder's lease; its next Sync lets it go on. `moved`: the state is not `from` any more. `early`: it is not `due` any more. */
export type MoveOutcome = "ok" | "done" | "lost" | "ahead" | "moved" | "early" | "missing" | FullOutcome;
