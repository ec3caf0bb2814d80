import { createTaskSpans } from "./application/task-spans.js";
import type { QueueConfig } from "./config.js";
import { createEmergencyStop } from "./domain/emergency/emergency-stop.js";
import { createGates } from "./domain/gates/gate-keeper.js";
import { boundsOfShard } from "./domain/intake/bounds.js";
import { createMoves } from "./domain/lifecycle/moves.js";
import { createQueue } from "./domain/lifecycle/queue.js";
import { orderOfShard } from "./domain/order/order.js";
import { GATE_NAMES } from "./messages/words.js";
import type { observeQueue } from "./metrics.js";
import type { Storage } from "./open-storage.js";

/** The rules of the domain over the storage, with the bounds of the settings. Does no I/O. */
export function createRules(
  config: QueueConfig,
  { store, wakes, clock }: Pick<Storage, "store" | "wakes" | "clock">,
  observer: ReturnType<typeof observeQueue>,
) {
  const order = orderOfShard(config.order, config.shards);
  const retry = { baseMs: config.retryBaseMs, random: Math.random, refusals: config.refusals };
  const gates = createGates(store, { rampMs: config.gateRampMs, names: GATE_NAMES });
  const bounds = boundsOfShard(config.bounds, config.shards);
  const traces = createTaskSpans({ store, clock, labels: config.traceLabels });
  const moves = createMoves({ store, observer, traces }, { bounds, order });
  const queue = createQueue({ store, moves, gates, observer }, { bounds, retry, order });
  return { gates, moves, queue, traces, emergency: createEmergencyStop({ store, queue, wakes }) };
}
