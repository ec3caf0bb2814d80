import { eventsKey } from "@ccsp/events";
import { DIMENSIONS, type Dimension } from "../domain/run.js";
import { DAY_MS } from "../domain/usage-store.js";

/** The beginning of an ISO time that names a bucket, such as `2026-01-05T10` for an hour. */
const PRECISION = { day: 10, hour: 13, minute: 16 } as const;
const nameOf = (grain: keyof typeof PRECISION, ms: number): string =>
  new Date(ms).toISOString().slice(0, PRECISION[grain]);

/**
 * The keys of one partition. The {braces} put them on the cluster node of the partition's events, so that one script
 * can count an attempt everywhere and report it (ADR 1).
 */
export function usageKeys(partition: number) {
  const prefix = `ccsp:usage:{${partition}}:`;
  const seen = (ms: number): string => `${prefix}seen:${nameOf("day", ms)}`;
  const keys = {
    hour: (ms: number): string => `${prefix}hour:${nameOf("hour", ms)}`,
    day: (ms: number): string => `${prefix}day:${nameOf("day", ms)}`,
    minute: (dimension: Dimension, ms: number): string => `${prefix}minute:${dimension}:${nameOf("minute", ms)}`,
    agents: (ms: number): string => `ccsp:agents:stats:{${partition}}:${nameOf("day", ms)}`,
    budgets: `${prefix}budgets`,
    ledger: (ms: number): string => `${prefix}ledger:${nameOf("day", ms)}`,
    claims: (ms: number): string => `${prefix}claims:${nameOf("day", ms)}`,
    gaps: `${prefix}gaps`,
    fillLock: `${prefix}filling`,
  };
  return {
    ...keys,
    /** The keys of the script count_attempts for attempts that ended in the minute of this time. */
    attempts: (ms: number) => ({
      seen: seen(ms),
      seenBefore: seen(ms - DAY_MS),
      seenAfter: seen(ms + DAY_MS),
      hour: keys.hour(ms),
      day: keys.day(ms),
      agents: keys.agents(ms),
      events: eventsKey(partition),
      budgets: keys.budgets,
      ledger: keys.ledger(ms),
      minutes: DIMENSIONS.map((dimension) => keys.minute(dimension, ms)),
    }),
  };
}

/** What release 0.2.0 wrote: one hash per hour, which it kept for 32 days. */
export function legacyKeys(hourMs: number): { readonly sums: string; readonly seen: string } {
  const prefix = `ccsp:usage:{${nameOf("hour", hourMs)}}:`;
  return { sums: `${prefix}sums`, seen: `${prefix}seen` };
}

export const LEGACY_KEPT_MS = 33 * DAY_MS;
