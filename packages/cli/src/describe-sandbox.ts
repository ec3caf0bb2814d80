import type { ExecutorState } from "@ccsp/protos/ccsp/gateway/v1/operator_service.js";

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
      `no sandbox on ${ids.join(", ")} (${reason}): tools of a task can do there what the executor's user can`,
  );
}
