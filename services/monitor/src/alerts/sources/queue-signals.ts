import type { Client } from "@ccsp/grpc-kit";
import type { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { GetStatusResponse } from "@ccsp/protos/ccsp/queue/v1/status.js";
import { Priority } from "@ccsp/protos/ccsp/task/v1/task.js";
import { durationMs } from "@ccsp/protos/duration.js";
import { exportedSignal, type Signal, type SignalSource } from "../../signals/signal.js";

const CALL_MS = 5_000;

export interface QueueSignalsOptions {
  readonly queue: Pick<Client<QueueServiceService>, "getStatus">;
  /** Returns when the newest run of each engine ended, for those with one in the last `withinMs`. */
  readonly lastEnds: (now: Date, withinMs: number) => Promise<ReadonlyMap<string, number>>;
}

/** How far back an end of a run is looked for. A stall is not told to be longer than this without one. */
const LOOK_BACK_MS = 3 * 3_600_000;

const METRICS = [
  exportedSignal({
    name: "queue_oldest_wait_seconds",
    help: "Age of the oldest task of a class that waits for an executor; tasks that a pause holds do not count.",
    labels: { engine: "engines that executors offer", class: ["urgent", "high", "normal", "low"] },
  }),
  exportedSignal({
    name: "engine_stalled_seconds",
    help: "How long work has waited for an engine while no run of it ended. State idle: slots are free and nothing runs; busy: runs do not end; unserved: no executor offers it.",
    labels: { engine: "engines that executors offer", state: ["idle", "busy", "unserved"] },
  }),
];

/** What the queue's status tells. */
export function queueSignals({ queue, lastEnds }: QueueSignalsOptions): SignalSource {
  return {
    metrics: METRICS,
    read: async (now) => {
      const [status, ends] = await Promise.all([
        queue.getStatus({}, { timeoutMs: CALL_MS }),
        lastEnds(now, LOOK_BACK_MS),
      ]);
      return [...waits(status), ...stalls(status, ends, now.getTime())];
    },
  };
}

function waits({ depths }: GetStatusResponse): Signal[] {
  return depths.flatMap(({ engine, priority, oldestAge, paused }) =>
    oldestAge === undefined || paused
      ? []
      : [
          {
            metric: "queue_oldest_wait_seconds",
            labels: { engine, class: Priority[priority]?.toLowerCase() ?? String(priority) },
            value: durationMs(oldestAge) / 1_000,
          },
        ],
  );
}

/** Cases of scopes that may hold all that waits for an idle engine, and not the engine. */
const NARROW: ReadonlySet<string | undefined> = new Set(["agentId", "label", "model"]);

/**
 * An engine is stalled while work waits for it and no run of it ends. The stall is as long as the oldest task has
 * waited, or as the last run has been over, whichever is shorter. Not judged are:
 * - work that a pause of everything, of the engine or of its class holds
 * - an engine whose accounts all have a closed gate: their limits are the reason
 * - an idle engine while the gate of an agent, a label or a model is closed: it may hold just the work that waits.
 */
function stalls(status: GetStatusResponse, ends: ReadonlyMap<string, number>, nowMs: number): Signal[] {
  // A gate with a time at which it opened is on its ramp: it lets tasks start.
  const closed = status.gates.filter(({ rampEndTime }) => rampEndTime === undefined).map(({ scope }) => scope?.scope);
  const gated = new Set(
    closed.flatMap((scope) => (scope?.$case === "account" ? [`${scope.value.engine}/${scope.value.account}`] : [])),
  );
  const narrow = closed.some((scope) => NARROW.has(scope?.$case));
  const offers = status.executors.flatMap(({ draining, engines }) => (draining ? [] : engines));

  return [...new Set(status.depths.map(({ engine }) => engine))].flatMap((engine): Signal[] => {
    const own = status.depths.filter((depth) => depth.engine === engine);
    const ages = own.flatMap(({ oldestAge, paused }) =>
      oldestAge === undefined || paused ? [] : [durationMs(oldestAge)],
    );
    if (ages.length === 0) return [];
    const served = offers.filter((offer) => offer.engine === engine);
    const open = served.filter(({ account }) => !gated.has(`${engine}/${account}`));
    const runs = own.some(({ running }) => running > 0n);
    const state = stateOf({ served: served.length > 0, open: open.length > 0, runs, narrow });
    if (state === undefined) return [];
    const sinceEnd = nowMs - (ends.get(engine) ?? Number.NEGATIVE_INFINITY);
    const stalledMs = Math.max(0, Math.min(Math.max(...ages), sinceEnd));
    return [{ metric: "engine_stalled_seconds", labels: { engine, state }, value: stalledMs / 1_000 }];
  });
}

interface Look {
  readonly served: boolean;
  readonly open: boolean;
  readonly runs: boolean;
  readonly narrow: boolean;
}

function stateOf({ served, open, runs, narrow }: Look): "idle" | "busy" | "unserved" | undefined {
  if (runs) return "busy";
  if (!served) return "unserved";
  return open && !narrow ? "idle" : undefined;
}
