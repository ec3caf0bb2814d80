import type { Logger } from "pino";
import type { Reading, Signals } from "../signals/read-signals.js";
import type { ChangeEvent, Entry } from "../state/state-store.js";
import { judge, NO_ALERTS, type RuleAlerts } from "./domain/judge.js";
import type { AlertRule } from "./domain/rule.js";
import { silences as isSilencedBy, type Silence } from "./domain/silence.js";
import { firingEvent, resolvedEvent } from "./events.js";
import type { Rules } from "./rules.js";
import type { Silences } from "./silences.js";
import type { AlertStores } from "./stored.js";

export interface JudgingOptions {
  readonly stores: Pick<AlertStores, "alerts">;
  readonly rules: Pick<Rules, "all">;
  readonly silences: Pick<Silences, "lasting" | "forgetEnded">;
  readonly signals: Signals;
  readonly now: () => number;
  /** A longer time between two turns is one in which nobody looked. */
  readonly mostUnseenMs: number;
  readonly log: Logger;
}

/**
 * One turn: judges every rule once. What it decides is stored together with its events, so of two replicas that take the
 * same turn one tells. Rules whose signals are not known stay as they are.
 */
export async function judgeAll(options: JudgingOptions, stop: AbortSignal): Promise<void> {
  const { stores, signals, silences, now, log } = options;
  const rules = await options.rules.all();
  const judged = [...rules.values()].filter(({ rule }) => !rule.disabled);
  const readings = await signals.read(new Set(judged.map(({ rule }) => rule.metric)), new Date(now()));
  const entries = new Map((await stores.alerts.list()).map((each) => [each.name, each]));
  const quiet = await silences.lasting();
  for (const name of new Set([...rules.keys(), ...entries.keys()])) {
    if (stop.aborted) return;
    const rule = rules.get(name)?.rule;
    try {
      // Another replica was faster: it judged the same signals, and the next turn looks again.
      const found = rule && readings.get(rule.metric);
      await judgeRule(options, { name, rule, found, entry: entries.get(name), quiet });
    } catch (err) {
      log.warn({ err, rule: name }, "a rule could not be judged");
    }
  }
  await silences.forgetEnded();
}

interface RuleInTurn {
  readonly name: string;
  readonly rule: AlertRule | undefined;
  readonly found: Reading | undefined;
  readonly entry: Entry<RuleAlerts> | undefined;
  readonly quiet: readonly Entry<Silence>[];
}

/** Judges one rule, and stores and tells what has changed. */
async function judgeRule(
  { stores, now, mostUnseenMs, log }: JudgingOptions,
  { name, rule, found, entry, quiet }: RuleInTurn,
): Promise<void> {
  if (rule !== undefined && !rule.disabled && (found === undefined || "fault" in found)) return;
  const nowMs = now();
  const before = entry?.value ?? NO_ALERTS;
  const { alerts, firing, resolved, beyond } = judge({
    rule,
    before,
    signals: found !== undefined && "signals" in found ? found.signals : [],
    nowMs,
    mostUnseenMs,
    silenced: (labels) =>
      rule !== undefined &&
      quiet.some(({ value }) => isSilencedBy(value, { rule: name, severity: rule.severity, labels }, nowMs)),
  });
  if (beyond > 0) log.warn({ rule: name, beyond }, "a rule has more alerts than are kept: make it narrower");
  const empty = Object.keys(alerts.active).length === 0 && alerts.resolved.length === 0;
  if (empty && entry === undefined) return;
  if (!empty && JSON.stringify(alerts) === JSON.stringify(before)) return;
  const time = new Date(nowMs);
  const events: ChangeEvent[] = [
    ...firing.map((one) => ({ key: `alert-firing/${one.id}`, time, data: firingEvent(name, one) })),
    ...resolved.map((one) => ({ key: `alert-resolved/${one.id}`, time, data: resolvedEvent(name, one) })),
  ];
  await stores.alerts.change({ name, before: entry, after: empty ? undefined : alerts, events });
}
