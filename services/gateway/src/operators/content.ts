import type { GetRunResponse } from "@ccsp/protos/ccsp/executor/v1/executor_service.js";
import type {
  PermissionDenial,
  Task,
  TaskEnded,
  TaskError,
  TaskEvent,
  TaskResult,
  TaskSpec,
} from "@ccsp/protos/ccsp/task/v1/task.js";

/**
 * What a caller without `prompts:read` may see of others' tasks: these functions return a message without its content.
 *
 * Each of them names every field that it shows. So a new field of the protos does not compile here until somebody has
 * decided about it, and content.test.ts compares what is shown with a list.
 */
export function taskWithoutContent(task: Task): Task {
  const { id, agentId, spec, state, attempt, createTime, startTime, endTime, error, result, traceId, readyTime } = task;
  const { usageSoFar } = task;
  return {
    id,
    agentId,
    spec: spec && specWithoutContent(spec),
    state,
    attempt,
    createTime,
    startTime,
    endTime,
    error: error && shownError(error),
    result: result && resultWithoutContent(result),
    traceId,
    readyTime,
    promptSnippet: "",
    usageSoFar,
  };
}

/** The entry keeps its kind and its place in the log, so that a reader sees that the engine writes. */
export function eventWithoutContent({ sequence, time, attempt, event }: TaskEvent): TaskEvent {
  return { sequence, time, attempt, event: event && shownEvent(event) };
}

export const runWithoutContent = ({ run, resources, processes }: GetRunResponse): GetRunResponse => ({
  run,
  tail: "",
  resources,
  processes,
});

function specWithoutContent(spec: TaskSpec): TaskSpec {
  const { engine, priority, model, limits, labels, maxAttempts, startTime, startDeadline, retry, affinity } = spec;
  const { cache, fallbackModels, conversation, includeFiles, workingFolder } = spec;
  const { allowedTools, deniedTools, permissionMode, availableTools } = spec;
  return {
    prompt: "",
    engine,
    priority,
    model,
    systemPrompt: "",
    limits,
    labels,
    maxAttempts,
    startTime,
    startDeadline,
    retry,
    affinity,
    cache,
    fallbackModels,
    conversation,
    attachments: [],
    includeFiles,
    workingFolder,
    allowedTools,
    deniedTools,
    permissionMode,
    availableTools,
  };
}

function resultWithoutContent(result: TaskResult): TaskResult {
  const { usage, costUsd, conversationId, engine, engineVersion, model, turns, runTime, queueWait } = result;
  const { executorId, cached, resources, permissionDenials, notKept } = result;
  return {
    text: "",
    usage,
    costUsd,
    conversationId,
    engine,
    engineVersion,
    model,
    turns,
    runTime,
    queueWait,
    executorId,
    cached,
    resources,
    permissionDenials: permissionDenials.map(({ tool }): PermissionDenial => ({ tool, input: "" })),
    notKept,
  };
}

/** The contract of `TaskError.message` says that it has no prompt, output or secret. */
const shownError = ({ category, message, retryable, source, retryAfter }: TaskError): TaskError => ({
  category,
  message,
  retryable,
  source,
  retryAfter,
});

type Event = NonNullable<TaskEvent["event"]>;

function shownEvent(event: Event): Event | undefined {
  switch (event.$case) {
    case "stateChanged": {
      const { state, reason, error, readyTime } = event.value;
      return { $case: event.$case, value: { state, reason, error: error && shownError(error), readyTime } };
    }
    case "textDelta":
      return { $case: event.$case, value: { text: "", message: event.value.message } };
    case "toolUse":
      return { $case: event.$case, value: { name: event.value.name } };
    case "engineNotice": {
      const { category, message } = event.value;
      return { $case: event.$case, value: { category, message } };
    }
    case "taskEnded":
      return { $case: event.$case, value: endWithoutContent(event.value) };
    case "textTakenBack":
      return { $case: event.$case, value: { message: event.value.message } };
    case "usageSoFar": {
      const { usage, costUsd, turns, toolUses, model } = event.value;
      return { $case: event.$case, value: { usage, costUsd, turns, toolUses, model } };
    }
    default:
      return event satisfies never;
  }
}

const endWithoutContent = ({ state, result, error }: TaskEnded): TaskEnded => ({
  state,
  result: result && resultWithoutContent(result),
  error: error && shownError(error),
});
