import { type Order, setFor } from "../order/order.js";
import type { Standing } from "./situation.js";

/** Of an engine or an agent. */
export interface RateLimit {
  readonly kind: "engine" | "agent";
  readonly name: string;
  readonly rates: Order["engineRates"];
}

/**
 * How long until so many runs of an average cost may have started (ms), by the token buckets of claim/rates.lua; 0: at once. A bucket
 * holds a minute's worth and refills evenly; a run that costs more than that starts when it is full.
 */
export function rateWaitMs({ buckets, cost, nowMs }: Standing, { kind, name, rates }: RateLimit, runs: number): number {
  const limits = setFor(rates, name) ?? rates["*"] ?? [0, 0];
  const waits = (["requests", "tokens"] as const).map((what, index) => {
    const most = limits[index] ?? 0;
    if (most === 0) return 0;
    const before = buckets.get(`${what}/${kind}/${name}`);
    const level = before ? Math.min(most, before.level + (most * (nowMs - before.timeMs)) / 60_000) : most;
    const need = runs * Math.min(index === 0 ? 1 : cost, most);
    return need <= level + 1e-6 ? 0 : ((need - level) * 60_000) / most;
  });
  return Math.ceil(Math.max(...waits));
}
