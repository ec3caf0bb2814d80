import { type Task as Message, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import type { Names } from "@ccsp/protos/words.js";
import { type TaskError, toTaskError } from "./task-error.js";
import { type TaskResult, toTaskResult, toUsageSoFar, type UsageSoFar } from "./task-result.js";
import { type TaskSpec, toTaskSpec } from "./task-spec.js";
import { nameOf } from "./words.js";

/**
 * State of a task. `SUCCEEDED`, `FAILED`, `CANCELLED` and `EXPIRED` are end states: a task keeps them. One exception:
 * `retry` puts a FAILED or EXPIRED task back.
 *
 * - `SCHEDULED`: the task waits for its start time.
 * - `QUEUED`: it waits for an executor.
 * - `PARKED`: it waits for a time or a condition. This costs no attempt.
 * - `LEASED`: an executor holds it but has not started the engine yet.
 * - `RUNNING`: the engine runs.
 * - `CANCELLING`: a cancel was accepted. The executor is ending the engine's processes.
 * - `SUCCEEDED`: the engine answered, and the task has a result.
 * - `FAILED`: no attempt is left, or the failure cannot be retried.
 * - `CANCELLED`: a cancel ended the task. It has no process left.
 * - `EXPIRED`: the start deadline passed before the task could start.
 */
export type TaskStateName =
  | "SCHEDULED"
  | "QUEUED"
  | "PARKED"
  | "LEASED"
  | "RUNNING"
  | "CANCELLING"
  | "SUCCEEDED"
  | "FAILED"
  | "CANCELLED"
  | "EXPIRED";

/** A task as its owner sees it. */
export interface Task {
  /** Ids sort by time of acceptance within a shard. Do not read anything else from them. */
  readonly id: string;
  /** Id of the agent that submitted the task. */
  readonly agentId: string;
  /** The task as it was submitted. In lists, `prompt` and `systemPrompt` are "". */
  readonly spec: TaskSpec | undefined;
  /** `UNKNOWN`: the state is newer than this client. */
  readonly state: TaskStateName | "UNKNOWN";
  /** Number of runs that have started. */
  readonly attempt: number;
  /** When the queue accepted the task. */
  readonly createTime: Date | undefined;
  /** When the engine of the newest attempt started. */
  readonly startTime: Date | undefined;
  /** When the task ended. */
  readonly endTime: Date | undefined;
  /** The newest failure. Also set while the task waits for its next run. */
  readonly error: TaskError | undefined;
  /** The result of a task that SUCCEEDED. Left out of lists. */
  readonly result: TaskResult | undefined;
  /** W3C trace id of the task's trace, 32 hex digits. "" when tracing is off. */
  readonly traceId: string;
  /** When a PARKED or SCHEDULED task becomes QUEUED. Undefined when this does not depend on a time. */
  readonly readyTime: Date | undefined;
  /** The beginning of the prompt on one line, at most 100 characters. Only in lists; "" elsewhere. */
  readonly promptSnippet: string;
  /** What the attempt under way has used so far. Undefined unless the task is RUNNING, and while nothing is known. */
  readonly usageSoFar: UsageSoFar | undefined;
}

export const STATES = {
  SCHEDULED: TaskState.SCHEDULED,
  QUEUED: TaskState.QUEUED,
  PARKED: TaskState.PARKED,
  LEASED: TaskState.LEASED,
  RUNNING: TaskState.RUNNING,
  CANCELLING: TaskState.CANCELLING,
  SUCCEEDED: TaskState.SUCCEEDED,
  FAILED: TaskState.FAILED,
  CANCELLED: TaskState.CANCELLED,
  EXPIRED: TaskState.EXPIRED,
} as const satisfies Record<TaskStateName | Names<typeof TaskState>, TaskState>;

export const toTask = ({ spec, state, error, result, usageSoFar, ...plain }: Message): Task => ({
  ...plain,
  spec: spec && toTaskSpec(spec),
  state: nameOf(STATES, state),
  error: error && toTaskError(error),
  result: result && toTaskResult(result),
  usageSoFar: usageSoFar && toUsageSoFar(usageSoFar),
});
