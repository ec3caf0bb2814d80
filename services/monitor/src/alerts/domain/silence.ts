import { type FieldViolation, invalidFields, isVisible, VISIBLE_RULE } from "@ccsp/errors";
import { DAY_MS, type Labels, type Matcher, MINUTE_MS, matcherFaults, matches, type Severity } from "./rule.js";

/** Nobody is notified of new alerts that match it. */
export interface Silence {
  readonly matchers: readonly Matcher[];
  readonly reason: string;
  readonly who: string;
  readonly createMs: number;
  readonly endMs: number;
}

export const MOST_SILENCES = 500;
const MOST_REASON = 256;
const MOST_MS = 90 * DAY_MS;

export interface NewSilence {
  readonly matchers: readonly Matcher[];
  readonly reason: string;
  readonly durationMs: number | undefined;
  readonly who: string;
  readonly requestId: string;
}

/** Throws a Refusal that names every field of a new silence that is wrong. */
export function checkSilence({ matchers, reason, durationMs, who, requestId }: NewSilence): void {
  const faults: FieldViolation[] = [...matcherFaults(matchers, "matchers")];
  const unless = (right: boolean, field: string, description: string): void => {
    if (!right) faults.push({ field, description });
  };
  unless(matchers.length > 0, "matchers", "is empty: a silence names the alerts that it is for");
  unless(reason.trim() !== "" && reason.length <= MOST_REASON, "reason", "must have 1 to 256 characters");
  const long = durationMs !== undefined && durationMs >= MINUTE_MS && durationMs <= MOST_MS;
  unless(long, "duration", "must be from a minute to 90 days");
  unless(requestId.length <= 128, "request_id", "must have at most 128 characters");
  faults.push(...whoFaults(who));
  if (faults.length > 0) throw invalidFields(faults);
}

/** What is wrong with the name of the one who asks. */
export function whoFaults(who: string): readonly FieldViolation[] {
  if (who === "" || who.length > 128) return [{ field: "who", description: "must have 1 to 128 characters" }];
  return isVisible(who) ? [] : [{ field: "who", description: VISIBLE_RULE }];
}

export interface SilencedAlert {
  readonly rule: string;
  readonly severity: Severity;
  readonly labels: Labels;
}

export const silences = ({ matchers, endMs }: Silence, alert: SilencedAlert, nowMs: number): boolean =>
  endMs > nowMs && matches(matchers, { ...alert.labels, rule: alert.rule, severity: alert.severity });
