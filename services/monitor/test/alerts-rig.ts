import { randomUUID } from "node:crypto";
import { createPublisher, decodeEvent, eventsKey } from "@ccsp/events";
import { startRedis } from "@ccsp/fleet";
import { type Event, TaskFailed } from "@ccsp/protos/ccsp/event/v1/event.js";
import { AlertCondition, AlertRule, AlertSeverity } from "@ccsp/protos/ccsp/monitor/v1/alerts.js";
import { ErrorCategory } from "@ccsp/protos/ccsp/task/v1/task.js";
import { toDuration } from "@ccsp/protos/duration.js";
import { openRedis, type RedisConnection } from "@ccsp/redis-kit";
import { pino } from "pino";
import { type FakeQueue, startFakeQueue } from "./fake-queue.js";
import { type RunningMonitor, startMonitor } from "./start-monitor.js";

/** A rule whose alerts an engine has from its first failure that `fail` makes. */
export const RULE = AlertRule.fromPartial({
  name: "strange",
  metric: "run_unclassified_errors",
  condition: AlertCondition.AT_LEAST,
  threshold: 1,
  keepFiringFor: toDuration(0),
  severity: AlertSeverity.WARNING,
  summary: "{value} strange failures of {engine}",
});

/** Redis, a queue whose answers a test chooses, and monitors that judge rules every 200 ms. */
export interface AlertsRig {
  readonly redis: RedisConnection;
  readonly queue: FakeQueue;
  start(instance: string): Promise<RunningMonitor>;
  /** The run of a task of this engine failed for a reason that no rule knows. */
  fail(engine: string): Promise<unknown>;
  events(): Promise<readonly Event[]>;
  /** What the stream reports of alerts of a rule: `firing e1`, `resolved e1`. */
  told(rule: string): Promise<readonly string[]>;
  close(): Promise<void>;
}

export async function openAlertsRig(): Promise<AlertsRig> {
  const server = await startRedis();
  const redis = await openRedis(server.url, { log: pino({ level: "silent" }), name: "test" });
  const queue = await startFakeQueue();
  const running: RunningMonitor[] = [];
  const events = async (): Promise<readonly Event[]> =>
    (await redis.client.xrange(eventsKey(0), "-", "+")).flatMap(([id, fields]) => decodeEvent(0, id, fields) ?? []);
  return {
    redis,
    queue,
    events,
    async start(instance) {
      const monitor = await startMonitor({
        CCSP_REDIS_URL: server.url,
        CCSP_INSTANCE: instance,
        CCSP_MONITOR_ALERTS_EVERY: "200ms",
        CCSP_QUEUE_TARGET: queue.target,
      });
      running.push(monitor);
      return monitor;
    },
    fail: (engine) =>
      createPublisher(redis, "queue").publish({
        taskId: randomUUID(),
        agentId: "a",
        data: {
          $case: "taskFailed",
          value: TaskFailed.fromPartial({ engine, attempt: 1, error: { category: ErrorCategory.UNKNOWN_ERROR } }),
        },
      }),
    told: async (rule) =>
      (await events()).flatMap(({ data }) => {
        if (data?.$case === "alertFiring" && data.value.rule === rule) return `firing ${data.value.labels["engine"]}`;
        return data?.$case === "alertResolved" && data.value.rule === rule
          ? `resolved ${data.value.labels["engine"]}`
          : [];
      }),
    async close() {
      await Promise.all(running.map((monitor) => monitor.stop()));
      await queue.close();
      await redis.close();
      await server.stop();
    },
  };
}
