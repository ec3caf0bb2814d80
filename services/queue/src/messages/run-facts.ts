import { TaskCompleted, TaskFailed } from "@ccsp/protos/ccsp/event/v1/event.js";
import type { TaskResult, Usage } from "@ccsp/protos/ccsp/task/v1/task.js";
import type { RunFacts } from "../domain/task/move.js";

/** What the event about a failed run says in addition to the error, as members of its JSON. */
export function failFacts({
  usage,
  costUsd,
}: {
  readonly usage: Usage | undefined;
  readonly costUsd?: number | undefined;
}): RunFacts {
  return { ...tokensOf(usage), event: Object(TaskFailed.toJSON(TaskFailed.fromPartial({ usage, costUsd }))) };
}

/** What the event about a result says, as members of its JSON: numbers, never the text. */
export function resultFacts({ model, usage, costUsd, runTime }: TaskResult): RunFacts {
  const event: object = Object(TaskCompleted.toJSON(TaskCompleted.fromPartial({ model, usage, costUsd, runTime })));
  return { ...tokensOf(usage), event };
}

/** The same for a cached result. It has no usage or cost, because the run was counted when it ended. */
export function cachedFacts({ model }: TaskResult): RunFacts {
  return { event: Object(TaskCompleted.toJSON(TaskCompleted.fromPartial({ model }))) };
}

// Zero tokens mean that the engine does not count them.
function tokensOf(usage: Usage | undefined): Pick<RunFacts, "tokens"> {
  const tokens = Number((usage?.inputTokens ?? 0n) + (usage?.outputTokens ?? 0n));
  return tokens > 0 ? { tokens } : {};
}
