import type { RunUsage } from "@ccsp/client";
import { textWidth } from "../output/text-width.js";
import { count, durationWords, money } from "../output/words.js";

/** What is known about an attempt that runs. */
export interface Running {
  readonly engine: string;
  /** Empty: not known. */
  readonly model: string;
  readonly tools: number;
  /** Undefined: the engine has not said it yet. */
  readonly usage: RunUsage | undefined;
  readonly elapsedMs: number;
}

/** A running attempt on one line of at most `width` columns, if the engine and the time fit. */
export function runningLine({ engine, model, tools, usage, elapsedMs }: Running, width: number): string {
  const elapsed = durationWords(Math.floor(elapsedMs / 1_000) * 1_000);
  const details = [
    ...(usage && usage.turns > 0 ? [`turn ${usage.turns}`] : []),
    ...(tools > 0 ? [count(tools, "tool")] : []),
    ...spentWords(usage),
  ];
  const line = (who: string, parts: readonly string[]) => [who || "running", ...parts, elapsed].join(" · ");
  const whole = line(model ? `${engine} (${model})` : engine, details);
  if (textWidth(whole) <= width) return whole;
  for (let kept = details.length; kept > 0; kept -= 1) {
    const shorter = line(engine, details.slice(0, kept));
    if (textWidth(shorter) <= width) return shorter;
  }
  return line(engine, []);
}

/** The cost, or the tokens of an engine that says its cost only at the end. */
function spentWords(usage: RunUsage | undefined): string[] {
  if (usage?.costUsd !== undefined) return [`${money(usage.costUsd)} so far`];
  if (usage?.usage === undefined) return [];
  const { inputTokens, outputTokens, cacheReadTokens, cacheCreationTokens } = usage.usage;
  const tokens = inputTokens + outputTokens + cacheReadTokens + cacheCreationTokens;
  return [`${count(tokens, "token")} so far`];
}
