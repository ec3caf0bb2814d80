import { createHash, randomUUID } from "node:crypto";
import { invalidFields, Refusal } from "@ccsp/errors";
import { EVENT_WORDS, type EventData } from "@ccsp/events";
import type { Logger } from "pino";
import type { Reading, Signals } from "../signals/read-signals.js";
import { type ChangeEvent, changesTooOften, type Entry, type StateStore } from "../state/state-store.js";
import { DEFAULT_RULES } from "./domain/default-rules.js";
import { type Alert, type Firing, judge, NO_ALERTS, type Resolution, type RuleAlerts } from "./domain/judge.js";
import { type AlertRule, checkRule, type Labels, MOST_RULES, type Severity } from "./domain/rule.js";
import {
  checkSilence,
  silences as isSilencedBy,
  MOST_SILENCES,
  type NewSilence,
  type Silence,
  type SilencedAlert,
  whoFaults,
} from "./domain/silence.js";
import { summaryOf } from "./domain/words.js";
import type { AlertStores, StoredRule } from "./stores.js";

export interface RuleStatus {
  readonly rule: AlertRule;
  readonly builtIn: boolean;
  /** Undefined: nobody has stored it. */
  readonly stored: StoredRule | undefined;
  readonly alerts: RuleAlerts;
  /** Why it cannot be judged now. */
  readonly fault: string;
}

/** An alert as a list shows it. */
export interface ListedAlert {
  readonly rule: string;
  readonly severity: Severity;
  readonly whatToDo: string;
  readonly state: "pending" | "firing" | "resolved";
  readonly alert: Omit<Alert, "state" | "seenMs" | "goneMs">;
  readonly resolveMs?: number | undefined;
  readonly silencedBy: readonly string[];
}

export interface AlertsOptions {
  readonly stores: AlertStores;
  readonly signals: Signals;
  /** Tells of something that no state goes with. */
  readonly publish: (event: {
    readonly key: string;
    readonly time: Date;
    readonly data: EventData;
  }) => Promise<unknown>;
  readonly now: () => number;
  /** A longer time between two turns is one in which nobody looked. */
  readonly mostUnseenMs: number;
  readonly log: Logger;
}

export type Alerts = ReturnType<typeof createAlerts>;

const BUILT_IN: ReadonlyMap<string, AlertRule> = new Map(
  DEFAULT_RULES.map(({ prometheus: _prometheus, ...rule }) => [rule.name, rule]),
);
/** How often a change is decided again when another replica was faster. */
const TRIES = 5;

/** Judges rules, and keeps rules, alerts and silences. It starts nothing by itself. */
export function createAlerts({ stores, signals, publish, now, mostUnseenMs, log }: AlertsOptions) {
  async function allRules(): Promise<ReadonlyMap<string, { rule: AlertRule; stored: StoredRule | undefined }>> {
    const found = new Map(
      [...BUILT_IN].map(([name, rule]) => [name, { rule, stored: undefined as StoredRule | undefined }]),
    );
    for (const { name, value } of await stores.rules.list()) found.set(name, { rule: value.rule, stored: value });
    return found;
  }

  async function ruleNamed(name: string): Promise<{ rule: AlertRule; stored: StoredRule | undefined }> {
    const stored = (await stores.rules.get(name))?.value;
    const rule = stored?.rule ?? BUILT_IN.get(name);
    if (rule === undefined) throw noRule(name);
    return { rule, stored };
  }

  async function lasting(): Promise<readonly Entry<Silence>[]> {
    return (await stores.silences.list()).filter(({ value }) => value.endMs > now());
  }

  /** Judges one rule, and stores and tells what has changed. */
  async function judgeRule(
    name: string,
    rule: AlertRule | undefined,
    found: Reading | undefined,
    entry: Entry<RuleAlerts> | undefined,
    quiet: readonly Entry<Silence>[],
  ): Promise<"ok" | "conflict"> {
    if (rule !== undefined && !rule.disabled && (found === undefined || "fault" in found)) return "ok";
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
    if (empty && entry === undefined) return "ok";
    if (!empty && JSON.stringify(alerts) === JSON.stringify(before)) return "ok";
    const time = new Date(nowMs);
    const events = [
      ...firing.map((one): ChangeEvent => ({ key: `alert-firing/${one.id}`, time, data: firingEvent(name, one) })),
      ...resolved.map(
        (one): ChangeEvent => ({ key: `alert-resolved/${one.id}`, time, data: resolvedEvent(name, one) }),
      ),
    ];
    const outcome = await stores.alerts.change({ name, before: entry, after: empty ? undefined : alerts, events });
    return outcome === "conflict" ? "conflict" : "ok";
  }

  return {
    /**
     * One turn: judges every rule once. What it decides is stored together with its events, so of two replicas that
     * take the same turn one tells. Rules whose signals are not known stay as they are.
     */
    turn: async (stop: AbortSignal): Promise<void> => {
      const rules = await allRules();
      const judged = [...rules.values()].filter(({ rule }) => !rule.disabled);
      const readings = await signals.read(new Set(judged.map(({ rule }) => rule.metric)), new Date(now()));
      const [entries, quiet] = [
        new Map((await stores.alerts.list()).map((each) => [each.name, each])),
        await lasting(),
      ];
      for (const name of new Set([...rules.keys(), ...entries.keys()])) {
        if (stop.aborted) return;
        const rule = rules.get(name)?.rule;
        try {
          // Another replica was faster: it judged the same signals, and the next turn looks again.
          await judgeRule(name, rule, rule && readings.get(rule.metric), entries.get(name), quiet);
        } catch (err) {
          log.warn({ err, rule: name }, "a rule could not be judged");
        }
      }
      for (const entry of await stores.silences.list())
        if (entry.value.endMs <= now())
          await stores.silences.change({ name: entry.name, before: entry, after: undefined });
    },

    listRules: async (): Promise<readonly RuleStatus[]> => {
      const rules = await allRules();
      const used = new Set([...rules.values()].flatMap(({ rule }) => (rule.disabled ? [] : [rule.metric])));
      const [readings, entries] = await Promise.all([signals.read(used, new Date(now())), stores.alerts.list()]);
      const alerts = new Map(entries.map(({ name, value }) => [name, value]));
      return [...rules.values()]
        .map(({ rule, stored }) => ({
          rule,
          stored,
          builtIn: BUILT_IN.has(rule.name),
          alerts: alerts.get(rule.name) ?? NO_ALERTS,
          fault: rule.disabled ? "" : faultOf(readings.get(rule.metric)),
        }))
        .sort((a, b) => (a.rule.name < b.rule.name ? -1 : 1));
    },

    putRule: async (rule: AlertRule, who: string): Promise<RuleStatus> => {
      const faults = whoFaults(who);
      if (faults.length > 0) throw invalidFields(faults);
      checkRule(rule, signals.metrics);
      const isNew = !BUILT_IN.has(rule.name) && (await stores.rules.get(rule.name)) === undefined;
      if (isNew && (await stores.rules.names()).size >= MOST_RULES)
        throw invalidFields([{ field: "rule.name", description: `there are ${MOST_RULES} rules: delete one first` }]);
      const stored: StoredRule = { rule, changedBy: who, changeMs: now() };
      await put(stores.rules, rule.name, stored);
      const alerts = (await stores.alerts.get(rule.name))?.value ?? NO_ALERTS;
      return { rule, stored, builtIn: BUILT_IN.has(rule.name), alerts, fault: "" };
    },

    /** Returns the built-in rule that holds from now on. */
    deleteRule: async (name: string): Promise<RuleStatus | undefined> => {
      const removed = await stores.rules.remove(name);
      if (removed === undefined) throw noRule(name);
      const rule = BUILT_IN.get(name);
      const alerts = (await stores.alerts.get(name))?.value ?? NO_ALERTS;
      return rule && { rule, stored: undefined, builtIn: true, alerts, fault: "" };
    },

    /** Tells of an alert of this rule and of its end, as a test. */
    testRule: async (name: string): Promise<ListedAlert> => {
      const { rule } = await ruleNamed(name);
      const nowMs = now();
      const time = new Date(nowMs);
      const labels: Labels = {
        ...Object.fromEntries((signals.metrics.get(rule.metric)?.labels ?? []).map((label) => [label, "test"])),
        ...Object.fromEntries(rule.matchers.flatMap(({ label, value, negated }) => (negated ? [] : [[label, value]]))),
        ...rule.labels,
        test: "true",
      };
      const { severity, channels, whatToDo, threshold: value } = rule;
      const summary = `Test: ${summaryOf(rule, labels, value)}`;
      const id = `${name}/test/${randomUUID()}`;
      const told = { id, severity, labels, fireMs: nowMs, summary, channels };
      const firing = { ...told, value, startMs: nowMs, whatToDo, alerts: 1 };
      await publish({ key: `alert-firing/${id}`, time, data: firingEvent(name, firing) });
      await publish({ key: `alert-resolved/${id}`, time, data: resolvedEvent(name, told) });
      const alert = { id, labels, value, summary, startMs: nowMs, fireMs: nowMs, toldId: id };
      return { rule: name, severity, whatToDo, state: "resolved", alert, resolveMs: nowMs, silencedBy: [] };
    },

    /** Returns firing alerts, then pending ones, then those resolved a short time ago. */
    listAlerts: async (): Promise<readonly ListedAlert[]> => {
      const [entries, quiet] = [await stores.alerts.list(), await lasting()];
      const silencersOf = (alert: SilencedAlert): readonly string[] =>
        quiet.filter(({ value }) => isSilencedBy(value, alert, now())).map(({ name }) => name);
      const listed = entries.flatMap(({ name: rule, value: { active, resolved, severity, whatToDo } }) => [
        ...Object.values(active).map(
          ({ state, ...alert }): ListedAlert => ({
            rule,
            severity,
            whatToDo,
            state,
            alert,
            silencedBy: silencersOf({ rule, severity, labels: alert.labels }),
          }),
        ),
        ...resolved.map(({ resolveMs, severity: was, whatToDo: advice, ...alert }): ListedAlert => {
          return { rule, severity: was, whatToDo: advice, state: "resolved", alert, resolveMs, silencedBy: [] };
        }),
      ]);
      return listed.sort(
        (a, b) => orderOf(a) - orderOf(b) || timeOf(b) - timeOf(a) || (a.alert.id < b.alert.id ? -1 : 1),
      );
    },

    silence: async (
      wanted: NewSilence,
    ): Promise<{ readonly id: string; readonly silence: Silence; readonly alerts: number }> => {
      checkSilence(wanted);
      const { matchers, reason, durationMs = 0, who, requestId } = wanted;
      const createMs = now();
      const id = createHash("sha256")
        .update(requestId || randomUUID())
        .digest("hex")
        .slice(0, 12);
      const made: Silence = { matchers, reason, who, createMs, endMs: createMs + durationMs };
      const there = await stores.silences.get(id);
      if (there === undefined && (await lasting()).length >= MOST_SILENCES)
        throw invalidFields([{ field: "matchers", description: `there are ${MOST_SILENCES} silences: end one first` }]);
      const outcome = there ?? (await stores.silences.change({ name: id, before: undefined, after: made }));
      const silence = typeof outcome === "object" ? outcome.value : ((await stores.silences.get(id))?.value ?? made);
      const alerts = (await stores.alerts.list()).flatMap(({ name, value: { active, severity } }) =>
        Object.values(active).filter(({ labels }) => isSilencedBy(silence, { rule: name, severity, labels }, createMs)),
      );
      return { id, silence, alerts: alerts.length };
    },

    listSilences: async (): Promise<readonly Entry<Silence>[]> =>
      [...(await lasting())].sort((a, b) => a.value.endMs - b.value.endMs),

    /** Returns the silence that was ended. Undefined: it could not be read, so it silenced nothing. */
    deleteSilence: async (id: string): Promise<Silence | undefined> => {
      const removed = await stores.silences.remove(id);
      if (removed === undefined || (removed.value !== undefined && removed.value.endMs <= now()))
        throw new Refusal("SILENCE_NOT_FOUND", `there is no silence ${id}, or it has ended`);
      return removed.value;
    },

    /** Returns the metrics with their values now. */
    listSignals: async (metric: string) => {
      if (metric !== "" && !signals.metrics.has(metric))
        throw invalidFields([
          { field: "metric", description: `is not known. Known are ${[...signals.metrics.keys()].sort().join(", ")}` },
        ]);
      const wanted = metric === "" ? new Set(signals.metrics.keys()) : new Set([metric]);
      const readings = await signals.read(wanted, new Date(now()));
      return [...signals.metrics.values()]
        .filter(({ name }) => wanted.has(name))
        .sort((a, b) => (a.name < b.name ? -1 : 1))
        .map((each) => ({ metric: each, reading: readings.get(each.name) ?? { fault: "it has no source" } }));
    },
  };
}

const noRule = (name: string): Refusal => {
  const why = BUILT_IN.has(name) ? `the rule ${name} is built in and was not changed` : `there is no rule ${name}`;
  return new Refusal("ALERT_RULE_NOT_FOUND", why);
};

const faultOf = (reading: Reading | undefined): string => {
  if (reading === undefined) return "its metric is not known here";
  return "fault" in reading ? reading.fault : "";
};

/** Stores an entry, whatever was there before. */
async function put<T>(store: StateStore<T>, name: string, after: T): Promise<void> {
  for (let tried = 0; tried < TRIES; tried += 1) {
    const before = await store.get(name);
    if ((await store.change({ name, before, after })) !== "conflict") return;
  }
  throw changesTooOften(name);
}

const STATES = ["firing", "pending", "resolved"] as const;
const SEVERE = ["critical", "warning", "info"] as const;
const orderOf = ({ state, severity }: ListedAlert): number => STATES.indexOf(state) * 10 + SEVERE.indexOf(severity);
const timeOf = ({ resolveMs, alert: { fireMs, startMs } }: ListedAlert): number => resolveMs ?? fireMs ?? startMs;

function firingEvent(
  rule: string,
  { id, severity, labels, value, summary, whatToDo, startMs, channels, alerts }: Firing,
): EventData {
  return {
    $case: "alertFiring",
    value: {
      alertId: id,
      rule,
      severity,
      severityEnum: EVENT_WORDS.severity[severity],
      labels: { ...labels },
      value,
      summary,
      whatToDo,
      startTime: new Date(startMs),
      channels: [...channels],
      alerts,
    },
  };
}

function resolvedEvent(rule: string, { id, severity, labels, fireMs, summary, channels }: Resolution): EventData {
  return {
    $case: "alertResolved",
    value: {
      alertId: id,
      rule,
      severity,
      severityEnum: EVENT_WORDS.severity[severity],
      labels: { ...labels },
      startTime: new Date(fireMs),
      summary,
      channels: [...channels],
    },
  };
}
