import { type FieldViolation, invalidFields, isVisible, VISIBLE_RULE } from "@ccsp/errors";
import type { SignalMetric } from "../../signals/signal.js";

export const SEVERITIES = ["info", "warning", "critical"] as const;
export type Severity = (typeof SEVERITIES)[number];

export const CONDITIONS = [">", ">=", "<", "<="] as const;
export type Condition = (typeof CONDITIONS)[number];

export type Labels = Readonly<Record<string, string>>;

/** Compares one label. A label that is missing has the empty value. */
export interface Matcher {
  readonly label: string;
  readonly value: string;
  readonly negated: boolean;
}

/** A rule of alerts (`AlertRule` in alerts.proto says what the fields mean). */
export interface AlertRule {
  readonly name: string;
  readonly metric: string;
  readonly matchers: readonly Matcher[];
  readonly condition: Condition;
  readonly threshold: number;
  readonly fireAfterMs: number;
  readonly keepFiringMs: number;
  readonly severity: Severity;
  readonly labels: Labels;
  readonly summary: string;
  readonly whatToDo: string;
  readonly channels: readonly string[];
  readonly disabled: boolean;
}

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;
export const KEEP_FIRING_MS = 5 * MINUTE_MS;

/**
 * Bounds that keep the state of alerts and their events small. Only as many entries as allowed are checked. A request
 * can have millions, and each fault takes memory.
 */
export const MOST_RULES = 500;
const MOST_MATCHERS = 16;
const MOST_LABELS = 16;
const MOST_CHANNELS = 16;
const [MOST_NAME, MOST_LABEL, MOST_SUMMARY, MOST_ADVICE] = [64, 128, 256, 1_024];

export const matches = (matchers: readonly Matcher[], labels: Labels): boolean =>
  matchers.every(({ label, value, negated }) => ((labels[label] ?? "") === value) !== negated);

export function holds({ condition, threshold }: Pick<AlertRule, "condition" | "threshold">, value: number): boolean {
  if (condition === ">") return value > threshold;
  if (condition === ">=") return value >= threshold;
  return condition === "<" ? value < threshold : value <= threshold;
}

/** Throws a Refusal that names every field of a rule that is wrong. Fields are below `rule`. */
export function checkRule(rule: AlertRule, metrics: ReadonlyMap<string, SignalMetric>): void {
  const faults: FieldViolation[] = [];
  const unless = (right: boolean, field: string, description: string): void => {
    if (!right) faults.push({ field: `rule.${field}`, description });
  };
  const isText = (text: string, field: string, most: number, least = 0): void => {
    unless(text.length >= least && text.length <= most, field, `must have ${least} to ${most} characters`);
    unless(isVisible(text.replaceAll("\n", "")), field, VISIBLE_RULE);
  };
  const isTime = (ms: number, field: string): void => {
    unless(Number.isFinite(ms) && ms >= 0 && ms <= DAY_MS, field, "must be from 0 to a day");
  };
  unless(
    /^[a-z][a-z0-9-]*$/.test(rule.name) && rule.name.length <= MOST_NAME,
    "name",
    "must be 1 to 64 of a-z 0-9 -, beginning with a letter",
  );
  const metric = metrics.get(rule.metric);
  unless(metric !== undefined, "metric", `is not known. Known are ${[...metrics.keys()].sort().join(", ")}`);
  faults.push(...matcherFaults(rule.matchers, "rule.matchers", metric?.labels));
  unless(Number.isFinite(rule.threshold), "threshold", "must be a finite number");
  isTime(rule.fireAfterMs, "fire_after");
  isTime(rule.keepFiringMs, "keep_firing_for");
  const labels = Object.entries(rule.labels);
  unless(labels.length <= MOST_LABELS, "labels", `must be at most ${MOST_LABELS}`);
  for (const [name, value] of labels.slice(0, MOST_LABELS)) {
    isText(name, "labels", MOST_LABEL, 1);
    isText(value, "labels", MOST_LABEL);
    unless(!(metric?.labels ?? []).includes(name), "labels", `${name} is a label of the metric`);
  }
  isText(rule.summary, "summary", MOST_SUMMARY, 1);
  unless(!rule.summary.includes("\n"), "summary", "must be one line");
  isText(rule.whatToDo, "what_to_do", MOST_ADVICE);
  unless(rule.channels.length <= MOST_CHANNELS, "channels", `must be at most ${MOST_CHANNELS}`);
  for (const channel of rule.channels.slice(0, MOST_CHANNELS)) isText(channel, "channels", MOST_NAME, 1);
  if (faults.length > 0) throw invalidFields(faults);
}

/** What is wrong with matchers. With `known`, only these labels can be compared. */
export function matcherFaults(
  matchers: readonly Matcher[],
  field: string,
  known?: readonly string[],
): readonly FieldViolation[] {
  const faults: FieldViolation[] = [];
  if (matchers.length > MOST_MATCHERS) faults.push({ field, description: `must be at most ${MOST_MATCHERS}` });
  for (const [at, { label, value }] of matchers.slice(0, MOST_MATCHERS).entries()) {
    const fault = (name: string, description: string): void => {
      faults.push({ field: `${field}[${at}].${name}`, description });
    };
    if (label === "") fault("label", "is empty");
    else if (known !== undefined && !known.includes(label))
      fault("label", known.length === 0 ? "the metric has no labels" : `must be one of ${known.join(", ")}`);
    if (label.length > MOST_LABEL || !isVisible(label)) fault("label", "must have at most 128 visible characters");
    if (value.length > MOST_LABEL || !isVisible(value)) fault("value", "must have at most 128 visible characters");
  }
  return faults;
}
