import type { Settings } from "@ccsp/config";
import { type Objective, objectivesOf } from "./domain/objectives.js";

/** The bounds of the histogram of calls that can be a target: at another time, nobody has counted. */
const LATENCIES = ["25ms", "50ms", "100ms", "200ms", "250ms", "500ms", "1s", "2500ms", "5s", "10s"] as const;

/** Reads the objectives. */
export function objectiveSettings(settings: Settings): readonly Objective[] {
  const availability = percentage(settings, "CCSP_MONITOR_SLO_AVAILABILITY", {
    doc: "percentage of the calls of agents that CCSP must be there for",
    default: "99.9",
  });
  const errors = percentage(settings, "CCSP_MONITOR_SLO_ERRORS", {
    doc: "percentage of the calls of agents that may end by a fault in CCSP",
    default: "0.1",
  });
  const word = settings.oneOf(
    "CCSP_MONITOR_SLO_LATENCY",
    "time within which calls of agents must be answered",
    LATENCIES,
    {
      default: "200ms",
    },
  );
  const share = percentage(settings, "CCSP_MONITOR_SLO_LATENCY_SHARE", {
    doc: "percentage of the calls of agents that must be answered within this time",
    default: "95",
  });
  const starts = percentage(settings, "CCSP_MONITOR_SLO_STARTS", {
    doc: "percentage of the tasks of each class that must start within the start target of the class",
    default: "95",
  });
  return objectivesOf({ availability, errors, latency: { share, seconds: secondsOf(word), word }, starts });
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
