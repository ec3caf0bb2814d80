import type { Settings } from "@ccsp/config";
import { answeredWithin, type Counts, FAULTS, inTimeOf, lateOf, TOTAL, UNAVAILABLE } from "./counters.js";

/** What is counted for an objective. */
export interface Tally {
  readonly total: number;
  readonly bad: number;
}

/** A service level objective: the share of what is counted that must be good. */
export interface Objective {
  readonly name: string;
  /** One line for people. */
  readonly description: string;
  /** 0 to 1, both excluded. */
  readonly share: number;
  readonly tally: (counts: Counts) => Tally;
}

const CLASSES = ["urgent", "high", "normal", "low"] as const;

/** The bounds of the histogram of calls that can be a target: at another time, nobody has counted. */
const LATENCIES = ["25ms", "50ms", "100ms", "200ms", "250ms", "500ms", "1s", "2500ms", "5s", "10s"] as const;

/** The names of all objectives. */
export const OBJECTIVE_NAMES = ["availability", "errors", "latency", ...CLASSES.map((priority) => `start-${priority}`)];

/** Reads the objectives. What CCSP did wrong is bad; what the caller or a task did wrong is not. */
export function objectiveSettings(settings: Settings): readonly Objective[] {
  const availability = percentage(settings, "CCSP_MONITOR_SLO_AVAILABILITY", {
    doc: "percentage of the calls of agents that CCSP must be there for",
    default: "99.9",
  });
  const errors = percentage(settings, "CCSP_MONITOR_SLO_ERRORS", {
    doc: "percentage of the calls of agents that may end by a fault in CCSP",
    default: "0.1",
  });
  const latency = settings.oneOf(
    "CCSP_MONITOR_SLO_LATENCY",
    "time within which calls of agents must be answered",
    LATENCIES,
    {
      default: "200ms",
    },
  );
  const fast = percentage(settings, "CCSP_MONITOR_SLO_LATENCY_SHARE", {
    doc: "percentage of the calls of agents that must be answered within this time",
    default: "95",
  });
  const starts = percentage(settings, "CCSP_MONITOR_SLO_STARTS", {
    doc: "percentage of the tasks of each class that must start within the start target of the class",
    default: "95",
  });
  const count = (counts: Counts, counter: string): number => counts.get(counter) ?? 0;
  const seconds = secondsOf(latency);
  return [
    {
      name: "availability",
      description: "calls of agents that CCSP was there for",
      share: availability,
      tally: (counts) => ({ total: count(counts, TOTAL), bad: count(counts, UNAVAILABLE) }),
    },
    {
      name: "errors",
      description: "calls of agents without a fault in CCSP",
      share: 1 - errors,
      tally: (counts) => ({ total: count(counts, TOTAL), bad: count(counts, FAULTS) }),
    },
    {
      name: "latency",
      description: `calls of agents answered within ${latency}`,
      share: fast,
      tally: (counts) => {
        const { total, within } = answeredWithin(counts, seconds);
        return { total, bad: total - within };
      },
    },
    ...CLASSES.map((priority) => ({
      name: `start-${priority}`,
      description: `tasks of class ${priority} started within its target`,
      share: starts,
      tally: (counts: Counts) => {
        const late = count(counts, lateOf(priority));
        return { total: count(counts, inTimeOf(priority)) + late, bad: late };
      },
    })),
  ];
}

const secondsOf = (word: string): number =>
  word.endsWith("ms") ? Number(word.slice(0, -2)) / 1_000 : Number(word.slice(0, -1));

function percentage(
  settings: Settings,
  name: string,
  { doc, default: fallback }: { readonly doc: string; readonly default: string },
): number {
  const text = settings.text(name, doc, {
    default: fallback,
    pattern: /^(?:0\.\d*[1-9]\d*|[1-9]\d?(?:\.\d+)?)$/,
    form: "a percentage above 0 and below 100, such as 99.9",
  });
  // Divided in this way, 99.9 becomes 0.999 and not 0.9990000000000001.
  return Number((Number(text) / 100).toPrecision(12));
}
