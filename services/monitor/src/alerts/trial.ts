import { randomUUID } from "node:crypto";
import type { EventData } from "@ccsp/events";
import type { Signals } from "../signals/read-signals.js";
import type { AlertRule, Labels } from "./domain/rule.js";
import { summaryOf, valueWords } from "./domain/words.js";
import { firingEvent, resolvedEvent } from "./events.js";
import type { ListedAlert } from "./listed.js";

/** Publishes an event that no state goes with. */
export type Publish = (event: {
  readonly key: string;
  readonly time: Date;
  readonly data: EventData;
}) => Promise<unknown>;

export interface TrialOptions {
  readonly signals: Pick<Signals, "metrics">;
  readonly publish: Publish;
  readonly now: () => number;
}

/** Reports an alert of this rule and its end, as a test. */
export async function tryRule(rule: AlertRule, { signals, publish, now }: TrialOptions): Promise<ListedAlert> {
  const nowMs = now();
  const time = new Date(nowMs);
  const labels: Labels = {
    ...Object.fromEntries((signals.metrics.get(rule.metric)?.labels ?? []).map((label) => [label, "test"])),
    ...Object.fromEntries(rule.matchers.flatMap(({ label, value, negated }) => (negated ? [] : [[label, value]]))),
    ...rule.labels,
    test: "true",
  };
  const { name, severity, channels, whatToDo, threshold: value } = rule;
  const summary = `Test: ${summaryOf(rule, labels, value)}`;
  const id = `${name}/test/${randomUUID()}`;
  const told = { id, severity, labels, fireMs: nowMs, summary, channels };
  const firing = { ...told, value, startMs: nowMs, whatToDo, alerts: 1 };
  await publish({ key: `alert-firing/${id}`, time, data: firingEvent(name, firing) });
  await publish({ key: `alert-resolved/${id}`, time, data: resolvedEvent(name, told) });
  const alert = {
    id,
    labels,
    value,
    valueText: valueWords(rule.metric, value),
    summary,
    startMs: nowMs,
    fireMs: nowMs,
    toldId: id,
  };
  return { rule: name, severity, whatToDo, state: "resolved", alert, resolveMs: nowMs, silencedBy: [] };
}
