import type { TaskResult } from "@ccsp/client";
import { toTaskResult } from "@ccsp/client/plain";
import { Priority, type Task, type UsageSoFar } from "@ccsp/protos/ccsp/task/v1/task.js";
import { durationMs } from "@ccsp/protos/duration.js";
import { className } from "../options/priority.js";
import { labelWords, stateName } from "../output/task-words.js";
import { durationWords, grouped, money, zonedTime } from "../output/words.js";

/** A summary of a run for people, with one fact on a line. A number that is not known is shown as unknown. */
export function summary(result: TaskResult): string[] {
  const { usage, costUsd, queueWaitMs, runTimeMs, engine, engineVersion, model, cached, conversationId } = result;
  const refused = [...new Set(result.permissionDenials.map(({ tool }) => tool))];
  const read = usage && usage.cacheReadTokens > 0 ? `, ${grouped(usage.cacheReadTokens)} from cache` : "";
  return [
    `tokens      ${usage ? `${grouped(usage.inputTokens)} in, ${grouped(usage.outputTokens)} out${read}` : "unknown"}`,
    `cost        ${money(costUsd)}`,
    `queue wait  ${durationWords(queueWaitMs)}`,
    `run time    ${durationWords(runTimeMs)}`,
    `engine      ${[engine, engineVersion].join(" ").trim()}${modelWords(model)}`,
    ...result.notKept.map((what) => `not kept    ${what}`),
    ...(refused.length > 0
      ? [`not allowed ${refused.join(", ")}: --allow-tools lets a task use it without asking`]
      : []),
    ...(cached ? ["cached      no run; tokens, cost and run time are those of the run whose answer was reused"] : []),
    ...(conversationId ? [`go on with  --conversation ${conversationId}`] : []),
  ];
}

const soFarWords = ({ usage, costUsd, turns }: UsageSoFar): string => {
  const tokens = usage
    ? `${grouped(Number(usage.inputTokens))} in, ${grouped(Number(usage.outputTokens))} out`
    : "tokens unknown";
  return `${tokens}, ${money(costUsd)}, ${turns} turns`;
};

const modelWords = (model: string): string => (model ? `, model ${model}` : "");

/** A duration of the contract in words. */
export const lengthWords = (duration: { seconds: bigint; nanos: number } | undefined): string =>
  durationWords(duration && durationMs(duration));

/** A task for `get`, without the text of its answer. */
export function describeTask(task: Task, traceLine: (traceId: string) => string): string[] {
  const { engine = "", model = "", priority = Priority.NORMAL } = task.spec ?? {};
  const lines = [
    `task        ${task.id}`,
    `state       ${stateName(task.state)}`,
    `class       ${className(priority)}`,
  ];
  // A result names the engine and model itself.
  if (!task.result) lines.push(`engine      ${engine}${modelWords(model)}`);
  if (task.agentId) lines.push(`agent       ${task.agentId}`);
  lines.push(`attempts    ${task.attempt}`, `created     ${zonedTime(task.createTime)}`);
  const labels = labelWords(task);
  if (labels.length > 0) lines.push(`labels      ${labels.join("  ")}`);
  if (task.endTime) lines.push(`ended       ${zonedTime(task.endTime)}`);
  if (task.readyTime) lines.push(`waits until ${zonedTime(task.readyTime)}`);
  if (task.traceId) lines.push(traceLine(task.traceId));
  if (task.error) lines.push(`error       ${task.error.message}`);
  if (task.usageSoFar) lines.push(`so far      ${soFarWords(task.usageSoFar)}`);
  if (task.result) lines.push(...summary(toTaskResult(task.result)));
  return lines;
}
