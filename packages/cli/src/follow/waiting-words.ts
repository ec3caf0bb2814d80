import type { ExplainTaskResponse } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import { TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import { aboutWords, blockerWords, timeWords } from "../describe/start.js";
import { fitted, textWidth } from "../output/text-width.js";

/** Why a task has not started, in parts of a line. */
export interface WaitingWords {
  /** Its place in its class. Undefined: it is not in line. */
  readonly place: string | undefined;
  /** Everything that keeps it back. The first has to end first. */
  readonly reasons: readonly string[];
  /** When it may start. Undefined: this is not known. */
  readonly start: string | undefined;
  /** Stays equal while the same thing keeps the task back, although numbers and times change. */
  readonly cause: string;
}

/** Undefined when the task does not wait. */
export function waitingWords(
  { state, aheadInClass, blockers, earliestStartTime, estimate }: ExplainTaskResponse,
  className: string,
  nowMs: number,
): WaitingWords | undefined {
  if (state === TaskState.LEASED) return { ...NOTHING, reasons: ["an executor has it and starts the engine"] };
  if (![TaskState.QUEUED, TaskState.PARKED, TaskState.SCHEDULED].includes(state)) return undefined;
  const inLine = state === TaskState.QUEUED && aheadInClass !== undefined;
  const [first] = blockers;
  const reasons = blockers.map((blocker) => blockerWords(blocker, (until) => timeWords(until, nowMs)));
  return {
    place: inLine ? `${ordinal(aheadInClass + 1n)} in ${className}` : undefined,
    reasons: first ? reasons : ["it is next"],
    start: estimate?.p50 ? aboutWords(estimate.p50) : startAfter(earliestStartTime, nowMs),
    // The message of a gate has its reason. Other messages have numbers that change all the time.
    cause: first ? `${first.kind} ${first.message.replaceAll(/\d+/g, "")}` : "",
  };
}

const NOTHING = { place: undefined, start: undefined, cause: "leased" };

const startAfter = (time: Date | undefined, nowMs: number): string | undefined =>
  time && aboutWords(Math.max(0, time.getTime() - nowMs), "at the earliest");

/** The words on one line of at most `width` columns. What matters least goes first. */
export function waitingLine({ place, reasons, start }: WaitingWords, width = Number.POSITIVE_INFINITY): string {
  const line = (...parts: readonly (string | undefined)[]) =>
    `waiting: ${parts.filter((part) => part !== undefined).join("; ")}`;
  const [first = ""] = reasons;
  const whole = line(place, ...reasons, start);
  for (const each of [whole, line(place, first, start), line(first, start)]) {
    if (textWidth(each) <= width) return each;
  }
  const room = width - textWidth(line("", start));
  return room >= LEAST_REASON ? line(fitted(first, room), start) : line(first);
}

/** A reason that is cut to fewer columns says nothing. */
const LEAST_REASON = 12;

function ordinal(n: bigint): string {
  const [tens, ones] = [n % 100n, n % 10n];
  const suffix = tens >= 11n && tens <= 13n ? "th" : (SUFFIXES[Number(ones)] ?? "th");
  return `${n}${suffix}`;
}

const SUFFIXES = ["th", "st", "nd", "rd"];
