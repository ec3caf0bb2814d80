import type { RedisClient } from "@ccsp/redis-kit";
import type { Logger } from "pino";
import { openState, type StateStore } from "../state/state-store.js";
import { NO_ALERTS, type RuleAlerts } from "./domain/judge.js";
import type { AlertRule } from "./domain/rule.js";
import type { Silence } from "./domain/silence.js";

/** A rule that a person has stored. */
export interface StoredRule {
  readonly rule: AlertRule;
  readonly changedBy: string;
  readonly changeMs: number;
}

export interface AlertStores {
  /** By the name of the rule. */
  readonly rules: StateStore<StoredRule>;
  /** By the name of the rule. All alerts of a rule are one entry, so they change with the events that report them. */
  readonly alerts: StateStore<RuleAlerts>;
  /** By id. */
  readonly silences: StateStore<Silence>;
}

/** Opens the state of alerts in Redis: the hashes `alert-rules`, `alerts` and `silences`. */
export const openAlertStores = (redis: RedisClient, log: Logger): AlertStores => ({
  rules: openState<StoredRule>({ redis, log, part: "alert-rules", parse: objectOf }),
  alerts: openState<RuleAlerts>({ redis, log, part: "alerts", parse: (json) => ({ ...NO_ALERTS, ...objectOf(json) }) }),
  silences: openState<Silence>({ redis, log, part: "silences", parse: objectOf }),
});

/** What this release or the one before has stored. */
// oxlint-disable-next-line typescript/no-explicit-any -- JSON has no type
function objectOf(json: unknown): any {
  if (typeof json !== "object" || json === null) throw new TypeError("the stored entry is not an object");
  return json;
}
