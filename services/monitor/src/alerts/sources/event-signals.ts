import { parkedKey } from "@ccsp/events";
import { orUnavailable, type RedisClient } from "@ccsp/redis-kit";
import { exportedSignal, type SignalSource } from "../../signals/signal.js";

/** The consumer groups of the event stream. */
const GROUPS = ["monitor", "notification"] as const;

const METRICS = [
  exportedSignal({
    name: "parked_events",
    help: "Number of events that a service could not handle and has parked: a person has to look at them.",
    labels: { group: GROUPS },
  }),
];

/** The events that a consumer gave up on. */
export function eventSignals(redis: RedisClient, partitions: number): SignalSource {
  return {
    metrics: METRICS,
    read: () =>
      Promise.all(
        GROUPS.map(async (group) => {
          const keys = Array.from({ length: partitions }, (_, partition) => parkedKey(partition, group));
          const lengths = await orUnavailable(redis, () => Promise.all(keys.map((key) => redis.xlen(key))));
          return { metric: "parked_events", labels: { group }, value: lengths.reduce((sum, each) => sum + each, 0) };
        }),
      ),
  };
}
