import type { CallSettings } from "./caller.js";
import { type Estimate, type Explanation, toEstimate, toExplanation } from "./explanation.js";
import {
  type BatchInput,
  type Capabilities,
  type ClientOptions,
  createMessageClient,
  type ListSettings,
  type SubmitSettings,
  type WatchSettings,
} from "./message-client.js";
import { createRun, type Run } from "./run.js";
import { toRunEntry, toRunEvents } from "./run-events.js";
import { createSchedules, type Schedules } from "./schedules.js";
import type { Submitted } from "./submitted.js";
import { type Task, toTask } from "./task.js";
import { type TaskEvent, toTaskEvent } from "./task-event.js";
import type { TaskInput } from "./task-input.js";
import type { TaskTrace } from "./task-trace.js";
import type { UsageCalls } from "./usage-calls.js";

/**
 * CCSP for one agent. Results are plain: words, numbers, milliseconds and Dates, so `JSON.stringify` takes each of them.
 * Only `task.spec.attachments[].content` is a Buffer. Every method throws a CcspError when the call was refused, or when
 * no gateway answered for `resumeMs` (while none was reached: `connectMs`).
 */
export interface CcspClient extends UsageCalls {
  /**
   * Submits a task and follows it to its end, across restarts of the gateway. Leaving the loop does not cancel the
   * task.
   */
  run(task: TaskInput, settings?: SubmitSettings): Run;
  /** Resolves when the task is stored safely. */
  submit(task: TaskInput, settings?: SubmitSettings): Promise<Task>;
  /** The log of a task, from the entry after a sequence to the end. Each entry comes once and in order. */
  watch(taskId: string, settings?: WatchSettings): AsyncIterable<TaskEvent>;
  get(taskId: string, settings?: CallSettings): Promise<Task>;
  /** The agent's tasks, newest first, without prompts and results. The client fetches pages as the loop needs them. */
  list(settings?: ListSettings): AsyncIterable<Task>;
  /** Resolves to the task as it is after the call: CANCELLED, CANCELLING, or in the state in which it ended before. */
  cancel(taskId: string, reason?: string, settings?: CallSettings): Promise<Task>;
  /**
   * Submits up to 1,000 tasks in one call. Each task has its own outcome: the id of the stored task, or the error that
   * `submit` would have thrown. Throws only when the call itself failed. It is then safe to repeat the call with the
   * `requestIds` of the error, one for each task.
   */
  submitMany(tasks: readonly BatchInput[], settings?: CallSettings): Promise<Submitted[]>;
  /** Puts a FAILED or EXPIRED task back into the queue, with the number of attempts of a new task. */
  retry(taskId: string, reason?: string, settings?: CallSettings): Promise<Task>;
  /** Explains the state of a task, and when it may start. */
  explain(taskId: string, settings?: CallSettings): Promise<Explanation>;
  /**
   * Reads from the tracing system what took how long in a task. It has nothing if the system did not keep this trace,
   * and if the gateway knows no tracing system.
   */
  trace(taskId: string, settings?: CallSettings): Promise<TaskTrace>;
  /** Estimates when a task would start if it were submitted now. */
  estimate(task: TaskInput, settings?: CallSettings): Promise<Estimate>;
  readonly schedules: Schedules;
  capabilities(settings?: CallSettings): Promise<Capabilities>;
  /** Ends all calls with a CcspError of reason CALL_CANCELLED. */
  close(): void;
}

/** Opens no connection before the first call. */
export function createCcspClient(options: ClientOptions): CcspClient {
  const messages = createMessageClient(options);
  return {
    ...messages,
    run: (task, settings) => createRun(toRunEvents(mapped(messages.run(task, settings), toRunEntry))),
    submit: async (task, settings) => toTask(await messages.submit(task, settings)),
    watch: (taskId, settings) => mapped(messages.watch(taskId, settings), toTaskEvent),
    get: async (taskId, settings) => toTask(await messages.get(taskId, settings)),
    list: (settings) => mapped(messages.list(settings), toTask),
    cancel: async (taskId, reason, settings) => toTask(await messages.cancel(taskId, reason, settings)),
    retry: async (taskId, reason, settings) => toTask(await messages.retry(taskId, reason, settings)),
    explain: async (taskId, settings) => toExplanation(await messages.explain(taskId, settings)),
    estimate: async (task, settings) => toEstimate(await messages.estimate(task, settings)),
    schedules: createSchedules(messages.schedules),
  };
}

async function* mapped<A, B>(stream: AsyncIterable<A>, map: (each: A) => B): AsyncGenerator<B, void> {
  for await (const each of stream) yield map(each);
}
