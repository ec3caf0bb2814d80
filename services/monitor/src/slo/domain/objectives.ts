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

/** The names of all objectives. */
export const OBJECTIVE_NAMES = ["availability", "errors", "latency", ...CLASSES.map((priority) => `start-${priority}`)];

/** What an installation has set. */
export interface Targets {
  /** The share of calls that CCSP is there for. */
  readonly availability: number;
  /** The share of calls that may end by a fault in CCSP. */
  readonly errors: number;
  /** The share of calls that are answered within a time; `word` is the time as people write it. */
  readonly latency: { readonly share: number; readonly seconds: number; readonly word: string };
  /** The share of tasks that start within the target of their class. */
  readonly starts: number;
}

/** The objectives with these targets. What CCSP did wrong is bad; what the caller or a task did wrong is not. */
export function objectivesOf({ availability, errors, latency, starts }: Targets): readonly Objective[] {
  const count = (counts: Counts, counter: string): number => counts.get(counter) ?? 0;
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
      description: `calls of agents answered within ${latency.word}`,
      share: latency.share,
      tally: (counts) => {
        const { total, within } = answeredWithin(counts, latency.seconds);
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
