import { type Order, setFor } from "../order/order.js";
import type { Standing } from "./situation.js";

/** The rate limit of an engine, a login (`engine/account`) or an agent. */
export interface RateLimit {
  readonly kind: "engine" | "account" | "agent";
  readonly name: string;
  readonly rates: Order["engineRates"];
}

/**
 * How long (ms) until `runs` runs of average cost may have started, by the token buckets of claim/rates.lua. 0 means at
 * once. A bucket holds the amount of one minute and refills evenly. A run that costs more than this starts when the
 * bucket is full.
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
