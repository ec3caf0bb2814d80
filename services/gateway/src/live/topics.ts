import { EVENT_TYPES } from "@ccsp/events";
import type { Event } from "@ccsp/protos/ccsp/event/v1/event.js";

/** What a client can subscribe to. */
export const TOPIC_NAMES = ["tasks", "queue", "executors", "usage", "alerts", "health", "log", "tail"] as const;
export type TopicName = (typeof TOPIC_NAMES)[number];

/** The topics that have a snapshot: the whole state, sent again when it has changed. */
export const SNAPSHOT_TOPICS = ["queue", "executors", "usage", "alerts", "health"] as const;
export type SnapshotTopic = (typeof SNAPSHOT_TOPICS)[number];

/** The topics about one task: the messages of a stream, of which none is left out. */
export const TASK_TOPICS = ["log", "tail"] as const;
export type TaskTopic = (typeof TASK_TOPICS)[number];

export const isOfTask = (topic: TopicName): topic is TaskTopic => TASK_TOPICS.some((each) => each === topic);
export const hasSnapshot = (topic: TopicName): topic is SnapshotTopic => SNAPSHOT_TOPICS.some((each) => each === topic);

export interface Topic {
  /** Who may make a call of the first of these RPCs that is allowed may subscribe. It shows what the topic shows. */
  readonly rpcs: readonly string[];
  /** The kinds of its events: what their names begin with. */
  readonly events: readonly string[];
}

const operator = (name: string): string => `/ccsp.gateway.v1.OperatorService/${name}`;

export const WATCH_TASK = operator("WatchTask");
/** To subscribe to `tasks` or `log` by it shows only the caller's own tasks. */
export const WATCH_OWN_TASKS = "/ccsp.gateway.v1.AgentService/WatchTask";
export const TAIL_RUN = operator("TailRun");

/**
 * No topic needs more than its RPC: events hold no content of tasks (event.proto), and `log` and `tail` are streams of
 * their RPCs, which decide about content.
 */
export const TOPICS: Readonly<Record<TopicName, Topic>> = {
  tasks: { rpcs: [WATCH_TASK, WATCH_OWN_TASKS], events: ["task."] },
  queue: { rpcs: [operator("GetStatus")], events: ["gate."] },
  executors: { rpcs: [operator("ListExecutors")], events: [] },
  usage: { rpcs: [operator("ListUsageWindows")], events: ["usage.", "adaptation."] },
  alerts: { rpcs: [operator("ListAlerts")], events: ["alert."] },
  health: { rpcs: [operator("GetGlobalMetrics")], events: ["emergency.", "session.", "system."] },
  log: { rpcs: [WATCH_TASK, WATCH_OWN_TASKS], events: [] },
  tail: { rpcs: [TAIL_RUN], events: [] },
};

/** The name of an event's kind, such as `task.enqueued`. Undefined if it has none. */
export const nameOf = ({ data }: Event): string | undefined => data && EVENT_TYPES[data.$case];
