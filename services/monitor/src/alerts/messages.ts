import { type FieldViolation, invalidFields } from "@ccsp/errors";
import {
  Alert,
  AlertCondition,
  AlertRuleStatus,
  AlertSeverity,
  AlertState,
  type LabelMatcher,
  type AlertRule as RuleMessage,
  type SignalMetric as SignalMetricMessage,
  type Silence as SilenceMessage,
} from "@ccsp/protos/ccsp/monitor/v1/alerts.js";
import { durationMs, toDuration } from "@ccsp/protos/duration.js";
import { wordOf, wordsOf } from "@ccsp/protos/words.js";
import type { Reading } from "../signals/read-signals.js";
import type { SignalMetric } from "../signals/signal.js";
import { type AlertRule, type Condition, KEEP_FIRING_MS, type Matcher } from "./domain/rule.js";
import type { Silence } from "./domain/silence.js";
import type { ListedAlert } from "./listed.js";
import type { RuleStatus } from "./rules.js";

const CONDITION: Readonly<Record<Condition, AlertCondition>> = {
  ">": AlertCondition.GREATER,
  ">=": AlertCondition.AT_LEAST,
  "<": AlertCondition.LESS,
  "<=": AlertCondition.AT_MOST,
};
const SEVERITY = wordsOf(AlertSeverity);
const STATE: Readonly<Record<ListedAlert["state"], AlertState>> = wordsOf(AlertState);

/** Returns the rule of a request. Throws a Refusal for a missing rule, condition or severity. */
export function ruleOf(message: RuleMessage | undefined): AlertRule {
  if (message === undefined) throw invalidFields([{ field: "rule", description: "is missing" }]);
  const { fireAfter, keepFiringFor, matchers, condition, severity, ...same } = message;
  const faults: FieldViolation[] = [];
  const [compared, severe] = [wordOf(CONDITION, condition), wordOf(SEVERITY, severity)];
  if (compared === undefined) faults.push({ field: "rule.condition", description: "is missing or not known" });
  if (severe === undefined) faults.push({ field: "rule.severity", description: "is missing or not known" });
  if (compared === undefined || severe === undefined) throw invalidFields(faults);
  return {
    ...same,
    matchers: matchers.map(matcherOf),
    condition: compared,
    severity: severe,
    fireAfterMs: fireAfter ? durationMs(fireAfter) : 0,
    keepFiringMs: keepFiringFor ? durationMs(keepFiringFor) : KEEP_FIRING_MS,
  };
}

export const matcherOf = ({ label, value, negated }: LabelMatcher): Matcher => ({ label, value, negated });

function ruleMessage(rule: AlertRule): RuleMessage {
  const { fireAfterMs, keepFiringMs, matchers, condition, severity, labels, channels, ...same } = rule;
  return {
    ...same,
    matchers: matchers.map((matcher) => ({ ...matcher })),
    condition: CONDITION[condition],
    severity: SEVERITY[severity],
    fireAfter: toDuration(fireAfterMs),
    keepFiringFor: toDuration(keepFiringMs),
    labels: { ...labels },
    channels: [...channels],
  };
}

export function statusMessage({ rule, builtIn, stored, alerts: { active }, fault }: RuleStatus): AlertRuleStatus {
  const alerts = Object.values(active);
  const firing = alerts.filter(({ state }) => state === "firing").length;
  return {
    rule: ruleMessage(rule),
    builtIn,
    stored: stored !== undefined,
    changedBy: stored?.changedBy ?? "",
    changeTime: stored && new Date(stored.changeMs),
    pending: alerts.length - firing,
    firing,
    fault,
  };
}

export function alertMessage({ rule, severity, whatToDo, state, alert, resolveMs, silencedBy }: ListedAlert): Alert {
  return {
    id: alert.id,
    rule,
    severity: SEVERITY[severity],
    state: STATE[state],
    labels: { ...alert.labels },
    value: alert.value,
    valueText: alert.valueText ?? "",
    summary: alert.summary,
    whatToDo,
    startTime: new Date(alert.startMs),
    fireTime: alert.fireMs === undefined ? undefined : new Date(alert.fireMs),
    resolveTime: resolveMs === undefined ? undefined : new Date(resolveMs),
    toldId: alert.toldId ?? "",
    silencedBy: [...silencedBy],
  };
}

export const silenceMessage = (id: string, { matchers, reason, who, createMs, endMs }: Silence): SilenceMessage => ({
  id,
  matchers: matchers.map((matcher) => ({ ...matcher })),
  reason,
  who,
  createTime: new Date(createMs),
  endTime: new Date(endMs),
});

const MOST_VALUES = 100;
const MOST_STATES = 16;

export function metricMessage({ name, help, labels }: SignalMetric, reading: Reading): SignalMetricMessage {
  const values = "signals" in reading ? reading.signals : [];
  return {
    name,
    help,
    labels: [...labels],
    values: values.slice(0, MOST_VALUES).map((signal) => ({ labels: { ...signal.labels }, value: signal.value })),
    count: values.length,
    fault: "fault" in reading ? reading.fault : "",
  };
}

/** Returns which states a request asks for. Throws a Refusal for an unknown one. */
export function statesOf(messages: readonly AlertState[]): ReadonlySet<ListedAlert["state"]> {
  const known = new Map<AlertState, ListedAlert["state"]>([
    [AlertState.PENDING, "pending"],
    [AlertState.FIRING, "firing"],
    [AlertState.RESOLVED, "resolved"],
  ]);
  // A request can have millions of entries, and each fault takes memory.
  const faults: FieldViolation[] = [];
  if (messages.length > MOST_STATES) faults.push({ field: "states", description: `must be at most ${MOST_STATES}` });
  const states = messages.slice(0, MOST_STATES).flatMap((message, at) => {
    const state = known.get(message);
    if (state === undefined) faults.push({ field: `states[${at}]`, description: "is not a known state" });
    return state ?? [];
  });
  if (faults.length > 0) throw invalidFields(faults);
  return new Set(states.length === 0 ? known.values() : states);
}
