import { type Notice, SEVERITIES, type Severity } from "../domain/notice.js";
import type { Route } from "../domain/notice-store.js";

/** A time of day on some days of the week, in a time zone. `to` before `from` means the next day. */
export interface Hours {
  /** Minutes after midnight. */
  readonly from: number;
  readonly to: number;
  /** 0 is Sunday. Empty: every day. The day is that of `from`. */
  readonly days: readonly number[];
  /** A name of the IANA time zone database. */
  readonly timeZone: string;
}

export interface Match {
  /** Kinds, in which `*` stands for any text. Empty: all. The other lists are the same. */
  readonly kinds: readonly string[];
  /** The least severity. */
  readonly severity: Severity;
  /** The notice has at least one of these labels. */
  readonly labels: readonly string[];
  readonly agents: readonly string[];
  readonly hours: Hours | undefined;
}

export interface Rule {
  readonly match: Match;
  readonly channels: readonly string[];
}

/** Notices below a severity wait until these hours have passed. */
export interface QuietHours extends Hours {
  readonly below: Severity;
}

export interface RoutedChannel {
  readonly name: string;
  readonly records: boolean;
  readonly hasIssues: boolean;
  readonly quietHours: QuietHours | undefined;
}

/** A route, and what has decided on it: for the preview. */
export interface Routed extends Route {
  readonly why: string;
}

/** The channel that has every notice, as in release 0.2.0. */
export const RECORD = "file";

/**
 * Says which channels get a notice. The file gets everything. A notice that names channels goes to these. Otherwise,
 * without rules, the other channels get what is a warning or more. With rules, they get what a rule that fits sends to
 * them, and nothing else. A notice that opens an issue goes to all channels with issues too.
 */
export function route(
  notice: Notice,
  { channels, rules, now }: { channels: readonly RoutedChannel[]; rules: readonly Rule[] | undefined; now: Date },
): Routed[] {
  const wanted = wantedBy(notice, rules, now);
  return channels.flatMap(({ name, records, hasIssues, quietHours }): Routed[] => {
    const why =
      name === RECORD
        ? "the file gets everything"
        : (wanted(name) ?? (notice.openIssue && hasIssues ? "it opens an issue" : undefined));
    if (why === undefined) return [];
    return [
      {
        channel: name,
        why,
        mode: records ? "record" : "told",
        notBefore: records ? undefined : waitEnd(notice, quietHours, now),
      },
    ];
  });
}

/** Says what sends the notice to a channel. Undefined: it does not go there. */
function wantedBy(
  notice: Notice,
  rules: readonly Rule[] | undefined,
  now: Date,
): (channel: string) => string | undefined {
  const { channels, severity } = notice;
  if (channels !== undefined) return (name) => (channels.includes(name) ? "the notice names the channel" : undefined);
  if (rules === undefined) {
    const why = reaches(severity, "warning")
      ? "there are no rules, and it is a warning or more"
      : isEndOfMore(notice)
        ? "there are no rules, and it is an end, for the channels that got the beginning"
        : undefined;
    return () => why;
  }
  const fitting = rules.flatMap((rule, at) => (fits(notice, rule.match, now) ? [{ rule, name: `rules.${at}` }] : []));
  return (channel) => {
    const names = fitting.flatMap(({ rule, name }) => (rule.channels.includes(channel) ? [name] : []));
    return names.length === 0 ? undefined : names.join(", ");
  };
}

/** An end is as important as its beginning, and goes to the channels that got the beginning. */
const isEndOfMore = ({ action }: Notice): boolean => action === "resolves";

/** Whether a notice fits a rule. */
function fits({ kind, severity, labels, agentId, action }: Notice, match: Match, now: Date): boolean {
  const { kinds, agents, hours } = match;
  const one = (patterns: readonly string[], texts: readonly string[]): boolean =>
    patterns.length === 0 || patterns.some((pattern) => texts.some((text) => like(text, pattern)));
  return (
    one(kinds, [kind]) &&
    (reaches(severity, match.severity) || action === "resolves") &&
    one(match.labels, labels) &&
    one(agents, [agentId]) &&
    (hours === undefined || minutesLeft(hours, now) !== undefined)
  );
}

const reaches = (severity: Severity, least: Severity): boolean =>
  SEVERITIES.indexOf(severity) >= SEVERITIES.indexOf(least);

function like(text: string, pattern: string): boolean {
  const parts = pattern.split("*").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`, "s").test(text);
}

function waitEnd({ severity }: Notice, quiet: QuietHours | undefined, now: Date): Date | undefined {
  if (quiet === undefined || reaches(severity, quiet.below)) return undefined;
  const left = minutesLeft(quiet, now);
  if (left === undefined) return undefined;
  const after = (ms: number, minutes: number): Date => new Date(ms + minutes * 60_000);
  const end = after(now.getTime(), left);
  // If clocks change before the end, it is off by the change. A time of day that the change leaves out has no such end.
  const off = ((localTime(quiet.timeZone, end).minute - quiet.to + DAY + DAY / 2) % DAY) - DAY / 2;
  const moved = after(end.getTime(), -off);
  return localTime(quiet.timeZone, moved).minute === quiet.to ? moved : end;
}

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const DAY = 24 * 60;

/** By time zone. To make one takes more time than to read it. The operator's file has few zones. */
const clocks = new Map<string, Intl.DateTimeFormat>();

/** The minute of the day and the day of the week that a clock in this time zone shows. */
function localTime(timeZone: string, now: Date): { readonly minute: number; readonly day: number } {
  const options = { timeZone, weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;
  const clock = clocks.get(timeZone) ?? new Intl.DateTimeFormat("en-US", options);
  clocks.set(timeZone, clock);
  const parts = clock.formatToParts(now);
  const part = (type: string): string => parts.find((each) => each.type === type)?.value ?? "";
  return { minute: Number(part("hour")) * 60 + Number(part("minute")), day: DAYS.indexOf(part("weekday")) };
}

/** Minutes until the hours end, on a clock that does not change meanwhile. Undefined outside of them. */
export function minutesLeft({ from, to, days, timeZone }: Hours, now: Date): number | undefined {
  const { minute, day: today } = localTime(timeZone, now);
  const on = (day: number): boolean => days.length === 0 || days.includes((day + 7) % 7);
  const length = (to - from + DAY) % DAY || DAY;
  if (on(today) && minute >= from && minute < from + length) return from + length - minute;
  // The hours that began yesterday.
  if (on(today - 1) && minute + DAY < from + length) return from + length - minute - DAY;
  return undefined;
}
