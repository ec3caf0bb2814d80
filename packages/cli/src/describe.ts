import { type Task, type TaskResult, TaskState } from "@ccsp/client";

/** `QUEUED`, `RUNNING` and so on. */
export function stateName(state: TaskState): string {
  return TaskState[state] ?? `state ${state}`;
}

/** What people ask after a run, one line each; unknown numbers are said to be unknown. */
export function summary({ usage, costUsd, queueWait, runTime, engine, engineVersion, model }: TaskResult): string[] {
  const cached = usage && usage.cacheReadTokens > 0n ? `, ${usage.cacheReadTokens} from cache` : "";
  return [
    `tokens      ${usage ? `${usage.inputTokens} in, ${usage.outputTokens} out${cached}` : "unknown"}`,
    `cost        ${costUsd === undefined ? "unknown" : `$${costUsd.toFixed(4)}`}`,
    `queue wait  ${seconds(queueWait)}`,
    `run time    ${seconds(runTime)}`,
    `engine      ${[engine, engineVersion].join(" ").trim()}${model ? `, model ${model}` : ""}`,
  ];
}

export function seconds(duration: { seconds: bigint; nanos: number } | undefined): string {
  return duration ? `${(Number(duration.seconds) + duration.nanos / 1e9).toFixed(3)} s` : "unknown";
}

/** A task for `get`. */
export function describeTask(task: Task): string[] {
  const lines = [
    `task        ${task.id}`,
    `state       ${stateName(task.state)}`,
    `attempts    ${task.attempt}`,
    `created     ${task.createTime?.toISOString() ?? "unknown"}`,
  ];
  if (task.endTime) lines.push(`ended       ${task.endTime.toISOString()}`);
  if (task.readyTime) lines.push(`waits until ${task.readyTime.toISOString()}`);
  if (task.traceId) lines.push(`trace id    ${task.traceId}`);
  if (task.error) lines.push(`error       ${task.error.message}`);
  if (task.result) lines.push(...summary(task.result), "", task.result.text);
  return lines;
}
