import { visible } from "@ccsp/errors";
import type { TaskCompleted, TaskFailed } from "@ccsp/protos/ccsp/event/v1/event.js";
import type { TaskResult, Usage } from "@ccsp/protos/ccsp/task/v1/task.js";
import type { WindowSignal } from "@ccsp/protos/ccsp/usage/v1/window.js";
import { toStoredJson } from "@ccsp/protos/json.js";
import { cut } from "../domain/fields/text.js";
import type { RunFacts } from "../domain/task/move.js";

/** A name that is too long must not cost the task its end. */
const MOST_MODEL_BYTES = 256;
const FAILED = "ccsp.event.v1.TaskFailed";
const COMPLETED = "ccsp.event.v1.TaskCompleted";

/** What the event about a failed run says in addition to the error, as members of its JSON. */
export function failFacts({
  usage,
  costUsd,
  model = "",
  windows,
}: {
  readonly usage: Usage | undefined;
  readonly costUsd?: number | undefined;
  readonly model?: string;
  readonly windows: readonly WindowSignal[];
}): RunFacts {
  // Without a name, the event names the model that the task asked for, which may be none or an alias.
  const ran = modelName(model);
  const event: Partial<TaskFailed> = {
    usage,
    costUsd,
    windows: validWindows(windows),
    ...(ran !== "" && { model: ran }),
  };
  return { ...tokensOf(usage), ...consumedOf(usage, costUsd), event: Object(toStoredJson(FAILED, event)) };
}

/** What the event about a result says, as members of its JSON: numbers, never the text. */
export function resultFacts(
  { model, usage, costUsd, runTime }: TaskResult,
  windows: readonly WindowSignal[],
): RunFacts {
  const event: Partial<TaskCompleted> = {
    model: modelName(model),
    usage,
    costUsd,
    runTime,
    windows: validWindows(windows),
  };
  return { ...tokensOf(usage), ...consumedOf(usage, costUsd), event: Object(toStoredJson(COMPLETED, event)) };
}

/** The same for a cached result. It has no usage or cost, because the run was counted when it ended. */
export function cachedFacts({ model }: TaskResult): RunFacts {
  return { event: model === "" ? {} : { model: modelName(model) } };
}

/** The name of a model in every event, so that the successes and failures of one model are counted together. */
const modelName = (model: string): string =>
  cut(visible(model).replaceAll("\n", "\\u{a}").replaceAll("\t", "\\u{9}"), MOST_MODEL_BYTES);

const MOST_WINDOWS = 8;
const WINDOW_NAME = /^[A-Za-z0-9._-]{1,64}$/;

/** Drops what is not valid instead of refusing it: a strange window must not cost the task its end. */
export const validWindows = (windows: readonly WindowSignal[]): WindowSignal[] =>
  windows
    .filter(({ name, resetTime }) => WINDOW_NAME.test(name) && !Number.isNaN(resetTime?.getTime()))
    .slice(0, MOST_WINDOWS);

function consumedOf(usage: Usage | undefined, costUsd = 0): Pick<RunFacts, "consumed"> {
  if (usage === undefined) return {};
  return {
    consumed: {
      inputTokens: Number(usage.inputTokens),
      outputTokens: Number(usage.outputTokens),
      cacheReadTokens: Number(usage.cacheReadTokens),
      cacheCreationTokens: Number(usage.cacheCreationTokens),
      costUsd,
    },
  };
}

// Zero tokens mean that the engine does not count them.
function tokensOf(usage: Usage | undefined): Pick<RunFacts, "tokens"> {
  const tokens = Number((usage?.inputTokens ?? 0n) + (usage?.outputTokens ?? 0n));
  return tokens > 0 ? { tokens } : {};
}
