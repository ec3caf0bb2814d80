import { invalidFields } from "@ccsp/errors";
import type { Logger } from "pino";
import type { Reading, Signals } from "../signals/read-signals.js";
import type { SignalMetric } from "../signals/signal.js";
import { judgeAll } from "./judging.js";
import { type ListedAlert, listed } from "./listed.js";
import { createRules } from "./rules.js";
import { createSilences } from "./silences.js";
import type { AlertStores } from "./stored.js";
import { type Publish, tryRule } from "./trial.js";

export interface AlertsOptions {
  readonly stores: AlertStores;
  readonly signals: Signals;
  readonly publish: Publish;
  readonly now: () => number;
  /** A longer time between two turns is one in which nobody looked. */
  readonly mostUnseenMs: number;
  readonly log: Logger;
}

export type Alerts = ReturnType<typeof createAlerts>;

/** Judges rules, and keeps rules, alerts and silences. It starts nothing by itself. */
export function createAlerts(options: AlertsOptions) {
  const { stores, signals, now } = options;
  const rules = createRules(options);
  const silences = createSilences(options);
  return {
    turn: (stop: AbortSignal): Promise<void> => judgeAll({ ...options, rules, silences }, stop),

    listRules: rules.list,
    putRule: rules.put,
    deleteRule: rules.delete,
    testRule: async (name: string): Promise<ListedAlert> => tryRule(await rules.named(name), options),

    listAlerts: async (): Promise<readonly ListedAlert[]> =>
      listed(await stores.alerts.list(), await silences.lasting(), now()),

    silence: silences.make,
    listSilences: silences.list,
    deleteSilence: silences.delete,

    listSignals: (metric: string) => listSignals(signals, metric, new Date(now())),
  };
}

/** Returns the metrics with their values now. An empty name: all of them. */
async function listSignals(
  signals: Signals,
  metric: string,
  now: Date,
): Promise<readonly { readonly metric: SignalMetric; readonly reading: Reading }[]> {
  if (metric !== "" && !signals.metrics.has(metric))
    throw invalidFields([
      { field: "metric", description: `is not known. Known are ${[...signals.metrics.keys()].sort().join(", ")}` },
    ]);
  const wanted = metric === "" ? new Set(signals.metrics.keys()) : new Set([metric]);
  const readings = await signals.read(wanted, now);
  return [...signals.metrics.values()]
    .filter(({ name }) => wanted.has(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((each) => ({ metric: each, reading: readings.get(each.name) ?? { fault: "it has no source" } }));
}
