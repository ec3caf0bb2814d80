import type { ExplainTaskResponse } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import type { Blocker, StartEstimate } from "@ccsp/protos/ccsp/task/v1/explanation.js";
import { durationMs } from "@ccsp/protos/duration.js";
import { stateName } from "../output/task-words.js";
import { durationWords, localTime, zonedTime } from "../output/words.js";
import { lengthWords } from "./task.js";

/** One line for each blocker. The first in the list has to end first. */
export function blockerLines(blockers: readonly Blocker[]): string[] {
  return blockers.map((blocker, i) => (i === 0 ? "blocked by" : "").padEnd(12) + blockerWords(blocker));
}

/** What keeps a task back, and until when if that is known. */
export function blockerWords({ message, until }: Blocker, time: (date: Date) => string = zonedTime): string {
  return until === undefined ? message : `${message} (until ${time(until)})`;
}

export function startWords(estimate: StartEstimate | undefined): string {
  if (estimate === undefined) return "unknown";
  const { p50, p90, p95 } = estimate;
  return `${lengthWords(p50)} as likely as not; 9 in 10 within ${lengthWords(p90)}, 19 in 20 within ${lengthWords(p95)}`;
}

const [SECOND, MINUTE, HOUR, DAY] = [1_000, 60_000, 3_600_000, 86_400_000];

/** An expected start as people say it: `starts in about 2 min`. */
export function aboutWords(wait: StartEstimate["p50"] | number, more = ""): string {
  const ms = typeof wait === "number" ? wait : durationMs(wait);
  if (ms < SECOND) return "starts soon";
  const unit = ms < MINUTE ? SECOND : ms < HOUR ? MINUTE : 10 * MINUTE;
  const about = more === "" ? "about " : "";
  return `starts in ${about}${durationWords(Math.round(ms / unit) * unit)}${more && ` ${more}`}`;
}

/** A time that a reader compares with a clock: without the date when it is less than a day ahead. */
export function timeWords(time: Date, nowMs: number): string {
  const words = localTime(time);
  return Math.abs(time.getTime() - nowMs) < DAY ? (words.split(" ")[1] ?? words) : words;
}

/** `own` says how the reader is related to the tasks of the same agent: "your own" for the agent itself. */
export function explanationLines(explanation: ExplainTaskResponse, own = "your own"): string[] {
  const { state, aheadInClass, aheadOfAgent, blockers, earliestStartTime, estimate } = explanation;
  const told = [`state       ${stateName(state)}`];
  if (aheadInClass === undefined) return [...told, "it does not wait"];
  told.push(`older       ${aheadInClass} waiting in its class, ${aheadOfAgent ?? 0n} of them ${own}`);
  told.push(...(blockers.length === 0 ? ["blocked by  nothing: it is next"] : blockerLines(blockers)));
  if (earliestStartTime) told.push(`not before  ${zonedTime(earliestStartTime)}`);
  return [...told, `starts in   ${startWords(estimate)}`];
}
