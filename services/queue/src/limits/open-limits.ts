import type { RedisClient } from "@ccsp/redis-kit";
import type { Logger } from "pino";
import type { LimitStore } from "../domain/gates/gate-store.js";
import type { Order } from "../domain/order/order.js";
import { engineTopic, type Wakes } from "../domain/wakes/wakes.js";
import type { LimitRanges } from "./limit.js";
import { createSetLimitStore } from "./limit-store.js";
import { createLimits } from "./limits.js";
import { openLiveOrder } from "./live-order.js";

export interface LimitDeps {
  readonly redis: RedisClient;
  /** The order of the settings, for all shards together. */
  readonly settings: Order;
  readonly engines: readonly string[];
  readonly shards: number;
  readonly ranges: LimitRanges;
  readonly tasks: LimitStore;
  readonly wakes: Wakes;
  readonly clock: { now(): number };
  readonly log: Logger;
  /** For the store. Absent: Redis' clock. Tests set it. */
  readonly storeClock?: () => number;
}

/** Opens the limits of this replica: what callers may do with them, and the order that follows them until it closes. */
export async function openLimits({
  redis,
  settings,
  engines,
  shards,
  ranges,
  tasks,
  wakes,
  clock,
  log,
  storeClock,
}: LimitDeps) {
  const store = createSetLimitStore(redis, storeClock);
  // A greater rate may let agents start that were throttled, and executors that wait have to claim again.
  const onChange = async (): Promise<void> => {
    await tasks.unthrottle();
    for (const engine of engines) wakes.tell(engineTopic(engine));
  };
  const live = await openLiveOrder({ store, settings, engines, shards, wakes, clock, onChange, log });
  const limits = createLimits({ store, settings, engines, ranges, live, clock });
  return { limits, order: () => live.ofShard(), close: () => live.close() };
}
