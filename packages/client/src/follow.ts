import type { Client } from "@ccsp/grpc-kit/client.js";
import type { AgentServiceService } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import type { Task, TaskEvent, TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import type { Caller, CallSettings } from "./caller.js";
import { createDoubt } from "./doubt.js";
import { NotFoundError, UnavailableError } from "./errors.js";

export type Agent = Client<AgentServiceService>;

type WatchSettings = CallSettings & { readonly taskId: string; readonly afterSequence: number };
type RunSettings = CallSettings & { readonly spec: TaskSpec; readonly requestId: string };
/** The stored task, and then the entries of its log. */
export type RunEntry = { readonly task: Task } | TaskEvent;

/**
 * The log of a task, from the entry after a sequence until the gateway ends the stream. It continues across broken
 * streams and restarts of the gateway: each entry comes once and in order. The log of a task that was put back has more
 * than one end. Throws when no gateway could be reached until the caller's patience ended.
 */
export function followTask(
  agent: Pick<Agent, "watchTask">,
  caller: Caller,
  settings: WatchSettings,
): AsyncGenerator<TaskEvent, void> {
  return ignoreErrorsAfterEnd(watch(agent, caller, settings), isEnd);
}

/** Submits and follows in one call. When the stream breaks before the task is known, the same request is sent again. */
export function followRun(
  agent: Pick<Agent, "runTask" | "watchTask">,
  caller: Caller,
  settings: RunSettings,
): AsyncGenerator<RunEntry, void> {
  return ignoreErrorsAfterEnd(run(agent, caller, settings), (entry) => !("task" in entry) && isEnd(entry));
}

function isEnd({ event }: TaskEvent): boolean {
  return event?.$case === "taskEnded";
}

/**
 * How long the client tries again when a stream breaks after an end. Only a task that was put back has more entries,
 * and the caller already has an end.
 */
const AFTER_END_MS = 2_000;

/**
 * After an end, errors about an unreachable gateway or a missing task are ignored. The end that was shown then counts
 * as the last one.
 */
async function* ignoreErrorsAfterEnd<T>(
  entries: AsyncIterable<T>,
  ends: (entry: T) => boolean,
): AsyncGenerator<T, void> {
  let ended = false;
  try {
    for await (const entry of entries) {
      ended = ends(entry);
      yield entry;
    }
  } catch (error) {
    if (!ended || !(error instanceof UnavailableError || error instanceof NotFoundError)) throw error;
  }
}

async function* watch(
  agent: Pick<Agent, "watchTask">,
  caller: Caller,
  { taskId, afterSequence, ...settings }: WatchSettings,
): AsyncGenerator<TaskEvent, void> {
  let patience = caller.patience(settings);
  let last = afterSequence;
  for (;;) {
    const options = await caller.options(settings);
    try {
      for await (const { event } of agent.watchTask({ taskId, afterSequence: last }, options)) {
        patience.progressed();
        if (!event || event.sequence <= last) continue;
        last = event.sequence;
        patience = caller.patience(settings, isEnd(event) ? AFTER_END_MS : undefined);
        yield event;
      }
      return;
    } catch (error) {
      await patience.waitForRetry(error, options);
    }
  }
}

async function* run(
  agent: Pick<Agent, "runTask" | "watchTask">,
  caller: Caller,
  { spec, requestId, ...settings }: RunSettings,
): AsyncGenerator<RunEntry, void> {
  let patience = caller.patience(settings);
  let task: Task | undefined;
  let last = 0;
  const doubt = createDoubt([requestId]);
  while (!task) {
    const options = await caller.options(settings).catch((error: unknown) => {
      throw doubt.explain(error);
    });
    try {
      const first = { answersFirst: true, answerWithinMs: patience.tryMs() };
      for await (const { message } of agent.runTask({ spec, requestId }, { ...options, ...first })) {
        if (message?.$case === "task") {
          task = message.value;
          patience.progressed();
          yield { task };
        } else if (message?.$case === "event" && message.value.sequence > last) {
          last = message.value.sequence;
          patience = caller.patience(settings, isEnd(message.value) ? AFTER_END_MS : undefined);
          yield message.value;
        }
      }
      if (task) return;
    } catch (error) {
      doubt.saw(error);
      await patience.waitForRetry(error, options).catch((final: unknown) => {
        throw task ? final : doubt.explain(final);
      });
    }
  }
  yield* watch(agent, caller, { taskId: task.id, afterSequence: last, ...settings });
}
