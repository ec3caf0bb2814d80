import type { Logger } from "pino";
import { Gauge, type Registry } from "prom-client";

/** Nothing is wrong with work yet; what people read in logs and traces begins to be out of order. */
const WARN_MS = 2_000;

/**
 * Shows how far this host's clock is ahead of another, in `<service>_clock_ahead_seconds`, and warns when that is much: once, until it is little
 * again. Answers what is to be called with each measurement, in ms; negative: behind.
 */
export function watchClockAhead(
  registry: Registry,
  { service, of, log }: { readonly service: string; readonly of: string; readonly log: Logger },
): (aheadMs: number) => void {
  const gauge = new Gauge({
    name: `ccsp_${service}_clock_ahead_seconds`,
    help: `How far this host's clock is ahead of ${of}; negative: behind`,
    registers: [registry],
  });
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
