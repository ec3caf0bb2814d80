import { invalidFields, Refusal } from "@ccsp/errors";
import type { Reading, Signals } from "../signals/read-signals.js";
import { changesTooOften, type StateStore } from "../state/state-store.js";
import { DEFAULT_RULES } from "./domain/default-rules.js";
import { NO_ALERTS, type RuleAlerts } from "./domain/judge.js";
import { type AlertRule, checkRule, MOST_RULES } from "./domain/rule.js";
import { whoFaults } from "./domain/silence.js";
import type { AlertStores, StoredRule } from "./stored.js";

export interface RuleStatus {
  readonly rule: AlertRule;
  readonly builtIn: boolean;
  /** Undefined: nobody has stored it. */
  readonly stored: StoredRule | undefined;
  readonly alerts: RuleAlerts;
  /** Why it cannot be judged now. */
  readonly fault: string;
}

/** A rule that holds: the stored one, or else the built-in one. */
interface KnownRule {
  readonly rule: AlertRule;
  readonly stored: StoredRule | undefined;
}

export interface RulesOptions {
  readonly stores: Pick<AlertStores, "rules" | "alerts">;
  readonly signals: Signals;
  readonly now: () => number;
}

export type Rules = ReturnType<typeof createRules>;

const BUILT_IN: ReadonlyMap<string, AlertRule> = new Map(
  DEFAULT_RULES.map(({ prometheus: _prometheus, ...rule }) => [rule.name, rule]),
);
/** How often a change is decided again when another replica was faster. */
const TRIES = 5;

/** The rules: the built-in ones, and those that people have stored in place of them or beside them. */
export function createRules({ stores, signals, now }: RulesOptions) {
  const all = async (): Promise<ReadonlyMap<string, KnownRule>> => {
    const found = new Map<string, KnownRule>([...BUILT_IN].map(([name, rule]) => [name, { rule, stored: undefined }]));
    for (const { name, value } of await stores.rules.list()) found.set(name, { rule: value.rule, stored: value });
    return found;
  };
  const alertsOf = async (name: string): Promise<RuleAlerts> => (await stores.alerts.get(name))?.value ?? NO_ALERTS;

  return {
    /** Returns the rules that hold, by name. */
    all,

    named: async (name: string): Promise<AlertRule> => {
      const rule = (await stores.rules.get(name))?.value.rule ?? BUILT_IN.get(name);
      if (rule === undefined) throw noRule(name);
      return rule;
    },

    list: async (): Promise<readonly RuleStatus[]> => {
      const rules = await all();
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

    put: async (rule: AlertRule, who: string): Promise<RuleStatus> => {
      const faults = whoFaults(who);
      if (faults.length > 0) throw invalidFields(faults);
      checkRule(rule, signals.metrics);
      const isNew = !BUILT_IN.has(rule.name) && (await stores.rules.get(rule.name)) === undefined;
      if (isNew && (await stores.rules.names()).size >= MOST_RULES)
        throw invalidFields([{ field: "rule.name", description: `there are ${MOST_RULES} rules: delete one first` }]);
      const stored: StoredRule = { rule, changedBy: who, changeMs: now() };
      await put(stores.rules, rule.name, stored);
      return { rule, stored, builtIn: BUILT_IN.has(rule.name), alerts: await alertsOf(rule.name), fault: "" };
    },

    /** Returns the built-in rule that holds from now on. */
    delete: async (name: string): Promise<RuleStatus | undefined> => {
      const removed = await stores.rules.remove(name);
      if (removed === undefined) throw noRule(name);
      const rule = BUILT_IN.get(name);
      const alerts = await alertsOf(name);
      return rule && { rule, stored: undefined, builtIn: true, alerts, fault: "" };
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
