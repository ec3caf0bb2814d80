import type { Logger } from "pino";
import { type Order, orderOfShard } from "../domain/order/order.js";
import type { Wakes } from "../domain/wakes/wakes.js";
import { inForce, type SetLimits, withLimits } from "./limit.js";
import { LIMITS_TOPIC, type SetLimitStore } from "./limit-store.js";

export interface LiveOrderOptions {
  readonly store: Pick<SetLimitStore, "read">;
  /** The order of the settings. */
  readonly settings: Order;
  readonly engines: readonly string[];
  readonly shards: number;
  readonly wakes: Pick<Wakes, "listen">;
  /** Redis' time, in ms since 1970. */
  readonly clock: { now(): number };
  /** Called after the order has changed: tasks that waited may be able to start. */
  readonly onChange: () => Promise<void>;
  readonly log: Logger;
  /** How often the limits are read, because a wake-up may be lost. */
  readonly everyMs?: number;
}

/** The order in force: the settings, and the limits that were set in place of them. */
export interface LiveOrder {
  /** A shard's share of the order. It is the same object until the order changes. */
  ofShard(): Order;
  /** Reads the limits now. */
  refresh(): Promise<void>;
  close(): Promise<void>;
}

const EVERY_MS = 1_000;

/**
 * Follows the limits that were set: it reads them when a wake-up comes and every second. Rejects if the first read
 * fails. While Redis is away, the last known limits stay in force, and those that end by themselves end.
 */
export async function openLiveOrder(options: LiveOrderOptions): Promise<LiveOrder> {
  const { store, settings, engines, shards, wakes, clock, onChange, log, everyMs = EVERY_MS } = options;
  const stop = new AbortController();
  const listener = wakes.listen([LIMITS_TOPIC]);
  let limits: SetLimits = new Map();
  let order = orderOfShard(settings, shards);
  let known = JSON.stringify([]);

  const apply = async (): Promise<void> => {
    const now = inForce(limits, clock.now());
    const values = JSON.stringify([...now.keys()].toSorted().map((name) => [name, now.get(name)?.value]));
    if (values === known) return;
    order = orderOfShard(withLimits(settings, now, engines), shards);
    known = values;
    await onChange();
  };
  const refresh = async (): Promise<void> => {
    try {
      limits = await store.read();
    } finally {
      await apply();
    }
  };
  const follow = async (): Promise<void> => {
    let failing = false;
    while (!stop.signal.aborted) {
      await listener.next(everyMs, stop.signal);
      if (stop.signal.aborted) return;
      try {
        await refresh();
        failing = false;
      } catch (err) {
        if (!failing) log.warn({ err }, "the limits could not be read; those that are known stay in force");
        failing = true;
      }
    }
  };
  try {
    await refresh();
  } catch (error) {
    listener.close();
    throw error;
  }
  const following = follow();
  return {
    ofShard: () => order,
    refresh,
    async close() {
      stop.abort();
      await following;
      listener.close();
    },
  };
}
