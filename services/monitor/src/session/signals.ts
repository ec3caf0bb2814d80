import { exportedSignal, type SignalSource } from "../signals/signal.js";
import type { StateStore } from "../state/state-store.js";
import { isLost, type Session } from "./domain/session.js";

const LOST = "session_lost";

const METRICS = [
  exportedSignal({
    name: LOST,
    help: "1 while the login of an account is lost, so that its tasks wait for a person; otherwise 0.",
    labels: { engine: "engines that executors offer", account: "accounts of the executors" },
  }),
];

/** The signal of each session: 1 from the third refusal until its account is resumed, otherwise 0. */
export const sessionSignals = (store: Pick<StateStore<Session>, "list">): SignalSource => ({
  metrics: METRICS,
  read: async () =>
    (await store.list()).map(({ value }) => ({
      metric: LOST,
      labels: { engine: value.engine, account: value.account },
      value: isLost(value) ? 1 : 0,
    })),
});
