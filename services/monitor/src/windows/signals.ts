import { exportedSignal, type Signal, type SignalSource } from "../signals/signal.js";
import type { Windows } from "./windows.js";

const LABELS = {
  engine: "engines that executors offer",
  account: "accounts of the executors",
  window: "usage windows of the engines",
};
const METRICS = [
  exportedSignal({
    name: "usage_window_share",
    help: "Share of a usage window that is used, 0 to 1.",
    labels: LABELS,
  }),
  exportedSignal({
    name: "usage_window_exhausts_seconds",
    help: "Seconds until a usage window is predicted to run out before it turns. No value if it lasts.",
    labels: LABELS,
  }),
];

/** What alerts can watch of usage windows. */
export const windowSignals = (windows: Pick<Windows, "report">): SignalSource => ({
  metrics: METRICS,
  read: async (now) =>
    (await windows.report(now)).flatMap(({ window, share, exhaustion }): Signal[] => {
      const labels = { engine: window.engine, account: window.account, window: window.name };
      const left =
        exhaustion.state === "used-up"
          ? 0
          : exhaustion.state === "runs-out"
            ? (exhaustion.expected - now.getTime()) / 1_000
            : undefined;
      return [
        ...(share === undefined ? [] : [{ metric: "usage_window_share", labels, value: share }]),
        ...(left === undefined ? [] : [{ metric: "usage_window_exhausts_seconds", labels, value: left }]),
      ];
    }),
});
