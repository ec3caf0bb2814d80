import type { Entry } from "../state/state-store.js";
import type { Alert, RuleAlerts } from "./domain/judge.js";
import type { Severity } from "./domain/rule.js";
import { silences as isSilencedBy, type Silence, type SilencedAlert } from "./domain/silence.js";

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

/** Returns firing alerts, then pending ones, then those resolved a short time ago. */
export function listed(
  entries: readonly Entry<RuleAlerts>[],
  quiet: readonly Entry<Silence>[],
  nowMs: number,
): readonly ListedAlert[] {
  const silencersOf = (alert: SilencedAlert): readonly string[] =>
    quiet.filter(({ value }) => isSilencedBy(value, alert, nowMs)).map(({ name }) => name);
  const found = entries.flatMap(({ name: rule, value: { active, resolved, severity, whatToDo } }) => [
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
  return found.sort((a, b) => orderOf(a) - orderOf(b) || timeOf(b) - timeOf(a) || (a.alert.id < b.alert.id ? -1 : 1));
}

const STATES = ["firing", "pending", "resolved"] as const;
const SEVERE = ["critical", "warning", "info"] as const;
const orderOf = ({ state, severity }: ListedAlert): number => STATES.indexOf(state) * 10 + SEVERE.indexOf(severity);
const timeOf = ({ resolveMs, alert: { fireMs, startMs } }: ListedAlert): number => resolveMs ?? fireMs ?? startMs;
