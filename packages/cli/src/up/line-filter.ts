import { SERVICES } from "@ccsp/fleet";
import { didYouMean } from "../options/did-you-mean.js";
import { zonedTime } from "../output/words.js";
import { CliError, EXIT } from "../process/exit.js";
import type { FleetLine } from "./log-lines.js";

export const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal"] as const;

/** What writes into the log of a fleet besides the services. */
const OTHERS = ["single", "redis", "consul", "fleet"];

export interface LineFilter {
  /** Whether a line is wanted. `stop`: this line is too old, and so is every line before it. */
  readonly wanted: (text: string) => boolean | "stop";
  /** The filter in words, for a message: ` of executor`. */
  readonly says: string;
}

export interface FilterOptions {
  readonly since?: Date;
  readonly level?: string;
}

/** Throws an error with all names when nothing has the name `service`. */
export function createLineFilter(service: string | undefined, { since, level }: FilterOptions): LineFilter {
  if (service !== undefined && !isKnown(service)) {
    throw new CliError(
      EXIT.usage,
      `no part of a fleet is named "${service}": name one of ${[...SERVICES, ...OTHERS].join(", ")}, or a replica such as queue-1`,
      [didYouMean(service, [...SERVICES, ...OTHERS])].filter(Boolean),
    );
  }
  const least = LEVELS.findIndex((each) => each === level);
  return {
    says: `${service === undefined ? "" : ` of ${service}`}${level ? ` with the level ${level}` : ""}${since ? ` since ${zonedTime(since)}` : ""}`,
    wanted(text) {
      const { source, line } = toFleetLine(text);
      const entry = entryOf(line);
      if (since !== undefined && entry.time !== undefined && entry.time < since.getTime()) return "stop";
      if (service !== undefined && source !== service && !source.startsWith(`${service}-`)) return false;
      return least <= 0 || levelOf(entry, source) >= least;
    },
  };
}

/** Before and after its services run, the fleet itself writes plain text. */
export function toFleetLine(text: string): FleetLine {
  try {
    const line: Partial<FleetLine> = JSON.parse(text);
    if (typeof line.source === "string" && typeof line.line === "string")
      return { source: line.source, line: line.line };
  } catch {
    // not JSON
  }
  return { source: "fleet", line: text };
}

const isKnown = (name: string): boolean =>
  [...SERVICES, ...OTHERS].includes(name) || SERVICES.some((each) => new RegExp(`^${each}-[1-9]\\d*$`).test(name));

interface Entry {
  readonly level?: string | undefined;
  /** In ms. Undefined when the line does not say it. */
  readonly time?: number | undefined;
}

function entryOf(line: string): Entry {
  if (!line.startsWith("{")) return {};
  try {
    const { level, time }: { level?: unknown; time?: unknown } = JSON.parse(line);
    const at = typeof time === "string" || typeof time === "number" ? new Date(time).getTime() : Number.NaN;
    return { level: typeof level === "string" ? level : undefined, time: Number.isNaN(at) ? undefined : at };
  } catch {
    return {};
  }
}

function levelOf({ level }: Entry, source: string): number {
  if (level !== undefined) return LEVELS.findIndex((each) => each === level);
  return OTHERS.includes(source) && source !== "single" ? -1 : LEVELS.indexOf("error");
}
