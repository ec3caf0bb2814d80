import { printable, summary } from "@ccsp/cli";
import type { RunEvent } from "@ccsp/client";

type Ended = Extract<RunEvent, { type: "ended" }>;

/** Prints what people want to know after a run. Throws when the task ended without a result. */
export function printSummary({ state, result, error }: Ended, traceId: string, say: (line: string) => void): void {
  if (!result) throw new Error(`the task ended ${state}: ${error?.message ?? "no reason given"}`);
  say("\n");
  for (const line of summary(result)) say(printable(line));
  say(`trace id    ${traceId}`);
}
