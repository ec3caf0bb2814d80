import { createHash } from "node:crypto";
import type { Signal } from "../../signals/signal.js";
import { type AlertRule, DAY_MS, holds, type Labels, matches, type Severity } from "./rule.js";
import { summaryOf, valueWords } from "./words.js";

/**
 * The states of an alert, as in Prometheus (https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/):
 *
 *     (none) ── condition holds ──▶ pending ── it has held for fireAfter ──▶ firing ─▶ resolved
 *        ◀── it does not hold ──────┘            ▲      it has not held for keepFiring ┘
 *                                                └── it holds again before that: the alert goes on
 *
 * `fireAfter` is the `for` of Prometheus, and `keepFiring` its `keep_firing_for`. A signal that its source no longer
 * names counts as one that does not meet the condition. While a source does not answer, nothing is judged, and the time
 * in which nobody looked proves neither that a condition held nor that it did not: both waits begin again.
 */
export interface Alert {
  readonly id: string;
  readonly state: "pending" | "firing";
  readonly labels: Labels;
  readonly value: number;
  /** The value in words. Absent: the release before stored it. */
  readonly valueText?: string;
  /** The text of the rule with the newest value. `Told` has the text that was reported. */
  readonly summary: string;
  /** When the condition began to hold. */
  readonly startMs: number;
  readonly fireMs?: number;
  /** Since when the condition of a firing alert does not hold. */
  readonly goneMs?: number;
  /** When a wait was last looked at. It is not renewed while nothing waits. */
  readonly seenMs: number;
  /** The id with which it was reported: its own, or that of its group. */
  readonly toldId?: string;
}

export interface ResolvedAlert extends Omit<Alert, "state" | "goneMs" | "seenMs"> {
  readonly resolveMs: number;
  readonly severity: Severity;
  readonly whatToDo: string;
}

/** What was reported, for the report of its end. It stays until the last of its alerts is resolved. */
export interface Told {
  readonly severity: Severity;
  readonly labels: Labels;
  readonly fireMs: number;
  readonly summary: string;
  readonly channels: readonly string[];
}

/** All alerts of one rule. They change together, with the events that report them. */
export interface RuleAlerts {
  /** By the fingerprint of their labels. */
  readonly active: Readonly<Record<string, Alert>>;
  readonly told: Readonly<Record<string, Told>>;
  /** The newest first. */
  readonly resolved: readonly ResolvedAlert[];
  /** The rule as it was judged last, for alerts whose rule is gone. */
  readonly severity: Severity;
  readonly whatToDo: string;
}

export const NO_ALERTS: RuleAlerts = { active: {}, told: {}, resolved: [], severity: "info", whatToDo: "" };

/** Something to tell people: one alert, or several of a rule together. */
export interface Firing extends Told {
  readonly id: string;
  readonly value: number;
  readonly startMs: number;
  readonly whatToDo: string;
  readonly alerts: number;
}
export interface Resolution extends Told {
  readonly id: string;
}

export interface Judgement {
  readonly alerts: RuleAlerts;
  readonly firing: readonly Firing[];
  readonly resolved: readonly Resolution[];
  /** Number of alerts that were left out because the rule has too many. */
  readonly beyond: number;
}

/** More alerts of a rule than this that fire in the same turn are reported together. */
export const MOST_TOLD_APART = 5;
/** Most alerts of a rule, pending and firing. */
export const MOST_ALERTS = 500;
const MOST_RESOLVED = 100;
const RESOLVED_MS = DAY_MS;

export interface JudgeInput {
  /** Undefined: the rule is gone. That and a disabled one resolve their alerts at once. */
  readonly rule: AlertRule | undefined;
  readonly before: RuleAlerts;
  /** The signals of the rule's metric. */
  readonly signals: readonly Signal[];
  readonly nowMs: number;
  /** A longer time between two looks is one in which nobody looked. */
  readonly mostUnseenMs: number;
  /** Whether nobody is to be notified of an alert with these labels. */
  readonly silenced: (labels: Labels) => boolean;
}

/** Returns what follows from the signals as they are now. The same input always gives the same result. */
export function judge({ rule, before, signals, nowMs, mostUnseenMs, silenced }: JudgeInput): Judgement {
  const judged = rule === undefined || rule.disabled ? undefined : rule;
  const { severity, whatToDo } = rule ?? before;
  const found = new Map<string, { readonly labels: Labels; readonly value: number }>();
  for (const { labels, value } of judged === undefined ? [] : signals)
    if (judged !== undefined && matches(judged.matchers, labels)) {
      found.set(fingerprint(labels), { labels: { ...judged.labels, ...labels }, value });
    }

  const active: Record<string, Alert> = {};
  const ended: Alert[] = [];
  for (const [key, alert] of Object.entries(before.active)) {
    const signal = found.get(key);
    found.delete(key);
    const after = step({ judged, alert, signal, nowMs, mostUnseenMs, key });
    if (after === "resolved") ended.push(alert);
    else if (after !== undefined) active[key] = after;
  }
  let beyond = 0;
  for (const [key, { labels, value }] of found) {
    if (judged === undefined || !holds(judged, value)) continue;
    if (Object.keys(active).length >= MOST_ALERTS) beyond += 1;
    else active[key] = begin({ judged, key, labels, value, nowMs });
  }

  const told: Record<string, Told> = { ...before.told };
  const firing: Firing[] = [];
  const untold = Object.entries(active).filter(
    ([, { state, toldId, labels }]) => state === "firing" && toldId === undefined && !silenced(labels),
  );
  if (judged !== undefined && untold.length > 0)
    for (const group of untold.length > MOST_TOLD_APART ? [untold] : untold.map((each) => [each])) {
      const one = firingOf(
        judged,
        group.map(([, alert]) => alert),
        nowMs,
      );
      firing.push(one);
      const { id: _id, value: _value, startMs: _startMs, whatToDo: _whatToDo, alerts: _alerts, ...rest } = one;
      told[one.id] = rest;
      for (const [key, alert] of group) active[key] = { ...alert, toldId: one.id };
    }

  const stillTold = new Set(Object.values(active).map(({ toldId }) => toldId));
  const resolved: Resolution[] = [];
  for (const [id, what] of Object.entries(told))
    if (!stillTold.has(id)) {
      resolved.push({ id, ...what });
      delete told[id];
    }
  const newest = ended.map(({ state: _state, goneMs: _goneMs, seenMs: _seenMs, ...alert }) => ({
    ...alert,
    resolveMs: nowMs,
    severity,
    whatToDo,
  }));
  const kept = before.resolved.filter(({ resolveMs }) => nowMs - resolveMs < RESOLVED_MS);
  const alerts = { active, told, resolved: [...newest, ...kept].slice(0, MOST_RESOLVED), severity, whatToDo };
  return { alerts, firing, resolved, beyond };
}

interface Step {
  readonly judged: AlertRule | undefined;
  readonly alert: Alert;
  readonly signal: { readonly labels: Labels; readonly value: number } | undefined;
  readonly nowMs: number;
  readonly mostUnseenMs: number;
  readonly key: string;
}

/** Returns the alert as it is now. Undefined: it was pending and is gone. */
function step({ judged, alert, signal, nowMs, mostUnseenMs, key }: Step): Alert | "resolved" | undefined {
  const held = judged !== undefined && signal !== undefined && holds(judged, signal.value);
  // Treat a clock that jumped back like a time without checks: waits would go on until it catches up.
  const unseen = Math.abs(nowMs - alert.seenMs) > mostUnseenMs;
  if (alert.state === "pending") {
    if (!held) return undefined;
    if (unseen) return begin({ judged, key, labels: signal.labels, value: signal.value, nowMs });
    const fires = nowMs - alert.startMs >= judged.fireAfterMs;
    const words = wordsOf(judged, alert.labels, signal.value);
    return { ...alert, ...words, seenMs: nowMs, ...(fires && { state: "firing", fireMs: nowMs }) };
  }
  if (judged === undefined) return "resolved";
  const { goneMs, ...lasting } = alert;
  const words = signal && wordsOf(judged, alert.labels, signal.value);
  if (held) return { ...lasting, ...words };
  const since = goneMs === undefined || unseen ? nowMs : goneMs;
  return nowMs - since >= judged.keepFiringMs ? "resolved" : { ...alert, ...words, goneMs: since, seenMs: nowMs };
}

/** What an alert says of this value. */
const wordsOf = (rule: AlertRule, labels: Labels, value: number) => ({
  value,
  valueText: valueWords(rule.metric, value),
  summary: summaryOf(rule, labels, value),
});

function begin({
  judged,
  key,
  labels,
  value,
  nowMs,
}: {
  readonly judged: AlertRule;
  readonly key: string;
  readonly labels: Labels;
  readonly value: number;
  readonly nowMs: number;
}): Alert {
  const words = wordsOf(judged, labels, value);
  const alert = { id: `${judged.name}/${nowMs}/${key}`, labels, ...words, startMs: nowMs, seenMs: nowMs };
  return judged.fireAfterMs === 0 ? { ...alert, state: "firing", fireMs: nowMs } : { ...alert, state: "pending" };
}

/** What is reported of these alerts, which fire now. */
function firingOf(rule: AlertRule, alerts: readonly Alert[], nowMs: number): Firing {
  const upwards = rule.condition.startsWith(">");
  const worst = alerts.reduce((one, other) =>
    (upwards ? other.value > one.value : other.value < one.value) ? other : one,
  );
  const grouped = alerts.length > 1;
  return {
    id: grouped ? `${rule.name}/${nowMs}/group` : worst.id,
    severity: rule.severity,
    labels: grouped ? common(alerts) : worst.labels,
    value: worst.value,
    summary: grouped ? `${alerts.length} alerts of ${rule.name}; the worst: ${worst.summary}` : worst.summary,
    whatToDo: rule.whatToDo,
    startMs: Math.min(...alerts.map(({ startMs }) => startMs)),
    fireMs: nowMs,
    channels: rule.channels,
    alerts: alerts.length,
  };
}

/** The labels that all of them have with the same value. */
function common(alerts: readonly Alert[]): Labels {
  const [first, ...others] = alerts;
  const same = Object.entries(first?.labels ?? {}).filter(([name, value]) =>
    others.every(({ labels }) => labels[name] === value),
  );
  return Object.fromEntries(same);
}

/** Names labels by a short text, whatever their order. */
function fingerprint(labels: Labels): string {
  const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha256").update(JSON.stringify(sorted)).digest("hex").slice(0, 16);
}
