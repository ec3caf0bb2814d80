import type { ExecutorState } from "@ccsp/protos/ccsp/gateway/v1/operator_service.js";

/** What a person should know of the executors: which do not answer, and which run tasks without a sandbox. */
export const executorLines = (executors: readonly ExecutorState[]): string[] => [
  ...silentLines(executors),
  ...sandboxLines(executors),
];

/** One line for each executor that does not answer. */
export const silentLines = (executors: readonly ExecutorState[]): string[] =>
  executors.flatMap(({ executorId, status, error }) =>
    status === undefined ? [`executor ${executorId} does not answer: ${error}`] : [],
  );

/** One line for each reason why executors run tasks without a sandbox. */
export function sandboxLines(executors: readonly ExecutorState[]): string[] {
  const without = new Map<string, string[]>();
  for (const { executorId, status } of executors) {
    const sandbox = status?.sandbox;
    if (!sandbox || sandbox.confined) continue;
    without.set(sandbox.reason, [...(without.get(sandbox.reason) ?? []), executorId]);
  }
  return [...without].map(
    ([reason, ids]) =>
      `no sandbox on ${ids.join(", ")} (${reason}): what a task executes can do there all that the executor's user can`,
  );
}
