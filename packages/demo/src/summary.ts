import type { RunEvent } from "@ccsp/client";

type Ended = Extract<RunEvent, { type: "ended" }>;

/** Prints what people ask after a run: did it work, what did it use and cost, how long did it wait. */
export function printSummary(ended: Ended, traceId: string, say: (line: string) => void): void {
  const { result, error } = ended;
  if (!result) throw new Error(`the task ended ${ended.state}: ${error?.message ?? "no reason given"}`);
  const usage = result.usage;
  say("\n");
  say(`tokens      ${usage ? `${usage.inputTokens} in, ${usage.outputTokens} out` : "unknown"}`);
  say(`cost        ${result.costUsd === undefined ? "unknown" : `$${result.costUsd.toFixed(4)}`}`);
  say(`queue wait  ${seconds(result.queueWait)}`);
  say(`run time    ${seconds(result.runTime)}`);
  say(`engine      ${result.engine} ${result.engineVersion}, model ${result.model}`);
  say(`trace id    ${traceId}`);
}

const seconds = (duration: { seconds: bigint; nanos: number } | undefined): string =>
  duration ? `${(Number(duration.seconds) + duration.nanos / 1e9).toFixed(3)} s` : "unknown";
