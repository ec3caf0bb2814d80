import { declareGauge } from "@ccsp/metrics";
import type { Logger } from "pino";
import type { Registry } from "prom-client";

/** Work still functions at this difference. But entries in logs and traces begin to be out of order for readers. */
const WARN_MS = 2_000;

const AHEAD = {
  queue: declareGauge({
    name: "ccsp_queue_clock_ahead_seconds",
    help: "How far the clock of this host is ahead of Redis'; negative: behind",
  }),
  executor: declareGauge({
    name: "ccsp_executor_clock_ahead_seconds",
    help: "How far the clock of this host is ahead of the queue's; negative: behind",
  }),
};

/**
 * Reports in `<service>_clock_ahead_seconds` how far this host's clock is ahead of another clock. If the difference is
 * large, it logs one warning, and again only after the difference was small. Returns a function to call with each
 * measurement in ms. A negative value means that this clock is behind.
 */
export function watchClockAhead(
  registry: Registry,
  { service, of, log }: { readonly service: keyof typeof AHEAD; readonly of: string; readonly log: Logger },
): (aheadMs: number) => void {
  const gauge = AHEAD[service](registry);
  let warned = false;
  return (aheadMs) => {
    gauge.set(aheadMs / 1_000);
    const far = Math.abs(aheadMs) > WARN_MS;
    if (far && !warned)
      log.warn({ aheadMs: Math.round(aheadMs), of }, "this host's clock differs: check its time service");
    if (!far && warned) log.info({ aheadMs: Math.round(aheadMs), of }, "this host's clock is right again");
    warned = far;
  };
}
