import type { EstimateTaskResponse, ExplainTaskResponse } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import {
  BlockerKind,
  type Blocker as BlockerMessage,
  type StartEstimate as TimeMessage,
} from "@ccsp/protos/ccsp/task/v1/explanation.js";
import { durationMs } from "@ccsp/protos/duration.js";
import type { Names } from "@ccsp/protos/words.js";
import { STATES, type TaskStateName } from "./task.js";
import { nameOf } from "./words.js";

/** Why a task is in its state, and when it may start. */
export interface Explanation {
  /** `UNKNOWN`: the state is newer than this client. */
  readonly state: TaskStateName | "UNKNOWN";
  /**
   * Number of waiting tasks of the same engine and class that were accepted before this task. Undefined when the task
   * does not wait.
   */
  readonly aheadInClass: number | undefined;
  /** The same number for the tasks of this agent only. */
  readonly aheadOfAgent: number | undefined;
  /** Everything that prevents the task from starting. The first in the list has to end first. */
  readonly blockers: readonly Blocker[];
  /**
   * The task does not start before this time, unless a person opens a gate earlier. Undefined when no blocker has a
   * known end.
   */
  readonly earliestStartTime: Date | undefined;
  /**
   * Time from now to the start, estimated from learned run times. Undefined in three cases: the task does not wait; the
   * queue has not learned the run times that it needs; something blocks the task for an unknown time.
   */
  readonly estimate: TimeEstimate | undefined;
}

/** What would become of a task if it were submitted now. */
export interface Estimate {
  /**
   * Time from now to the start. Undefined in two cases: the queue has not learned the run times that it needs;
   * something blocks the task for an unknown time.
   */
  readonly start: TimeEstimate | undefined;
  /** How long runs of this kind take. Undefined when the queue has not learned any run time yet. */
  readonly runTime: TimeEstimate | undefined;
  /** Everything that would prevent the task from starting now. */
  readonly blockers: readonly Blocker[];
}

/** One thing that prevents a task from starting. */
export interface Blocker {
  readonly kind: BlockerKindName | "UNKNOWN";
  /** Text for people, with names and numbers. */
  readonly message: string;
  /** When it ends by itself. Undefined: this is not known. */
  readonly until: Date | undefined;
}

/**
 * Kind of a blocker.
 *
 * - `START_TIME`: the start time of the task has not come.
 * - `PARKED`: the task is parked until a time.
 * - `GATE`: a gate is closed.
 * - `NO_EXECUTOR`: no executor offers the engine of the task.
 * - `AFFINITY`: the task waits for one certain executor.
 * - `CAP`: a cap on running tasks is reached.
 * - `RATE`: a rate limit is used up.
 * - `NO_SLOT`: all slots of the engine's executors are in use.
 * - `TURN`: other tasks start before it.
 * - `BUDGET_EXHAUSTED`: a budget that holds the task is used up. The message names the budget.
 */
export type BlockerKindName =
  | "START_TIME"
  | "PARKED"
  | "GATE"
  | "NO_EXECUTOR"
  | "AFFINITY"
  | "CAP"
  | "RATE"
  | "NO_SLOT"
  | "TURN"
  | "BUDGET_EXHAUSTED";

/** An estimate of the time until a task starts, or of the time that it runs. */
export interface TimeEstimate {
  /** In half of all cases, the time is shorter. */
  readonly p50Ms: number;
  /** In 9 of 10 cases, the time is shorter. Undefined: the queue is of an older version. */
  readonly p90Ms: number | undefined;
  /** In 19 of 20 cases, the time is shorter. */
  readonly p95Ms: number;
}

const KINDS = {
  START_TIME: BlockerKind.START_TIME,
  PARKED: BlockerKind.PARKED,
  GATE: BlockerKind.GATE,
  NO_EXECUTOR: BlockerKind.NO_EXECUTOR,
  AFFINITY: BlockerKind.AFFINITY,
  CAP: BlockerKind.CAP,
  RATE: BlockerKind.RATE,
  NO_SLOT: BlockerKind.NO_SLOT,
  TURN: BlockerKind.TURN,
  BUDGET_EXHAUSTED: BlockerKind.BUDGET_EXHAUSTED,
} as const satisfies Record<BlockerKindName | Names<typeof BlockerKind>, BlockerKind>;

export const toExplanation = (message: ExplainTaskResponse): Explanation => ({
  state: nameOf(STATES, message.state),
  aheadInClass: numberOf(message.aheadInClass),
  aheadOfAgent: numberOf(message.aheadOfAgent),
  blockers: message.blockers.map(toBlocker),
  earliestStartTime: message.earliestStartTime,
  estimate: message.estimate && toTimeEstimate(message.estimate),
});

export const toEstimate = ({ start, runTime, blockers }: EstimateTaskResponse): Estimate => ({
  start: start && toTimeEstimate(start),
  runTime: runTime && toTimeEstimate(runTime),
  blockers: blockers.map(toBlocker),
});

const toBlocker = ({ kind, message, until }: BlockerMessage): Blocker => ({
  kind: nameOf(KINDS, kind),
  message,
  until,
});

const toTimeEstimate = ({ p50, p90, p95 }: TimeMessage): TimeEstimate => ({
  p50Ms: durationMs(p50),
  p90Ms: p90 && durationMs(p90),
  p95Ms: durationMs(p95),
});

const numberOf = (value: bigint | undefined): number | undefined => (value === undefined ? undefined : Number(value));
