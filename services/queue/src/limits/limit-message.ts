import { isVisible, visible } from "@ccsp/errors";
import {
  type GetLimitsResponse,
  type LimitChange,
  type Limit as LimitMessage,
  type LimitValue as LimitValueMessage,
  type SetLimitsRequest,
  StartRate,
} from "@ccsp/protos/ccsp/queue/v1/limit.js";
import { durationMs } from "@ccsp/protos/duration.js";
import { checkWords } from "../application/read-gates.js";
import { Faults } from "../domain/fields/faults.js";
import type { Order, Rate } from "../domain/order/order.js";
import {
  type LimitRanges,
  type LimitSubject,
  type LimitValue,
  type Range,
  type SetLimit,
  subjectOf,
  valueIn,
} from "./limit.js";
import type { LimitChanges } from "./limit-store.js";

const MOST_CHANGES = 100;
const MAX_AHEAD_MS = 366 * 24 * 60 * 60 * 1000;

/** Reads a SetLimits request. Throws INVALID_FIELD. */
export function readSetLimits(
  { changes, who, why, automatic }: SetLimitsRequest,
  {
    engines,
    ranges,
    nowMs,
  }: { readonly engines: readonly string[]; readonly ranges: LimitRanges; readonly nowMs: number },
): { readonly changes: LimitChanges; readonly automatic: boolean } {
  const faults = new Faults();
  checkWords({ who, why }, faults);
  faults.unless(why !== "", "why", "is empty");
  faults.unless(changes.length > 0 && changes.length <= MOST_CHANGES, "changes", `must be 1 to ${MOST_CHANGES}`);
  const read = new Map<string, Omit<SetLimit, "set"> | undefined>();
  for (const [i, change] of changes.slice(0, MOST_CHANGES).entries()) {
    const field = `changes[${i}]`;
    const { name, value } = change;
    const subject = subjectOf(name, engines);
    if (subject === undefined) {
      faults.add(`${field}.name`, nameRule(name, engines));
      continue;
    }
    faults.unless(!read.has(name), `${field}.name`, "is named twice");
    const until = readEnd(change, { field, nowMs, faults });
    const given = value && readValue(value, { field: `${field}.value`, subject, ranges, faults });
    const limit = given !== undefined && {
      value: given,
      who,
      why: visible(why),
      ...(until !== undefined && { until }),
      automatic,
    };
    read.set(name, limit || undefined);
  }
  faults.check();
  return { changes: read, automatic };
}

function nameRule(name: string, engines: readonly string[]): string {
  const shown = isVisible(name) ? JSON.stringify(name.slice(0, 100)) : "it";
  return (
    `${shown} is not a limit: it must be weight/class/high, normal or low, weight/agent/ID, rate/agent/ID, ` +
    `rate/engine/ENGINE or rate/account/ENGINE/ACCOUNT, with an engine of ${engines.join(", ")}`
  );
}

interface Reading {
  readonly field: string;
  readonly faults: Faults;
}

function readEnd({ endTime, endAfter }: LimitChange, { field, nowMs, faults }: Reading & { readonly nowMs: number }) {
  const until = endAfter ? nowMs + durationMs(endAfter) : endTime?.getTime();
  if (until === undefined) return undefined;
  const inMs = until - nowMs;
  const which = endAfter ? "end_after" : "end_time";
  faults.unless(inMs > 0 && inMs <= MAX_AHEAD_MS, `${field}.${which}`, "must be in the future, at most a year ahead");
  return until;
}

function readValue(
  { value }: LimitValueMessage,
  { field, subject, ranges, faults }: Reading & { readonly subject: LimitSubject; readonly ranges: LimitRanges },
): LimitValue | undefined {
  const isWeight = subject.kind.startsWith("weight/");
  if (isWeight && value?.$case === "weight") {
    const fits = isWithin(value.value, ranges.weights);
    faults.unless(fits, `${field}.weight`, `must be ${rangeWords(ranges.weights)}`);
    return value.value;
  }
  if (!isWeight && value?.$case === "rate") {
    const { startsPerMinute: starts, tokensPerMinute: tokens } = value.value;
    checkRate(starts, ranges.starts, { field: `${field}.rate.starts_per_minute`, faults });
    checkRate(tokens, ranges.tokens, { field: `${field}.rate.tokens_per_minute`, faults });
    return [starts, tokens];
  }
  faults.add(field, isWeight ? "must be a weight" : "must be a rate");
  return undefined;
}

/** 0 means any number, so it is above every bound. */
function checkRate(given: number, range: Range, { field, faults }: Reading): void {
  const unbounded = range.max === Number.POSITIVE_INFINITY;
  const fits = given === 0 ? unbounded : isWithin(given, range);
  faults.unless(fits, field, `must be ${rangeWords(range)}${unbounded ? ", or 0 for any number" : ""}`);
}

const isWithin = (value: number, { min, max }: Range): boolean => value >= min && value <= max;

const rangeWords = ({ min, max }: Range): string =>
  max === Number.POSITIVE_INFINITY ? `at least ${min}` : `${min} to ${max}`;

export const toLimitMessage = (
  name: string,
  {
    subject,
    settings,
    set,
  }: { readonly subject: LimitSubject; readonly settings: Order; readonly set: SetLimit | undefined },
): LimitMessage => {
  const defaultValue = valueIn(settings, subject);
  return {
    name,
    value: toValue(set?.value ?? defaultValue),
    defaultValue: toValue(defaultValue),
    source: set && {
      who: set.who,
      why: set.why,
      setTime: new Date(set.set),
      endTime: set.until === undefined ? undefined : new Date(set.until),
      automatic: set.automatic,
    },
  };
};

const toValue = (value: LimitValue): LimitValueMessage => ({
  value: typeof value === "number" ? { $case: "weight", value } : { $case: "rate", value: toRate(value) },
});

const toRate = ([startsPerMinute, tokensPerMinute]: Rate): StartRate => ({ startsPerMinute, tokensPerMinute });

export const toRangeMessage = ({ weights, starts, tokens }: LimitRanges): GetLimitsResponse["range"] => {
  const bound = (max: number): number => (max === Number.POSITIVE_INFINITY ? 0 : max);
  return {
    minWeight: weights.min,
    maxWeight: weights.max,
    minRate: toRate([starts.min, tokens.min]),
    maxRate: toRate([bound(starts.max), bound(tokens.max)]),
  };
};
