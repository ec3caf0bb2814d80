import { decodeEvent, EVENT_TYPES, eventsKey } from "@ccsp/events";
import type { Client } from "@ccsp/grpc-kit";
import type { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { Task, TaskEvent } from "@ccsp/protos/ccsp/task/v1/task.js";
import { Cluster, Redis } from "ioredis";
import { AGENTS, type AgentsRecord } from "./agents.js";
import type { Entry } from "./journal.js";
import { stateName, toLogLine } from "./task-log.js";
import type { OpenQueue } from "./world.js";

/** All facts from every side, read after all work has ended. */
export interface Evidence {
  readonly agents: Pick<AgentsRecord, "accepted" | "watched" | "ends">;
  /** The tasks by id, as List returns them. */
  readonly tasks: ReadonlyMap<string, TaskFacts>;
  readonly journal: readonly Entry[];
  /** The types of each task's events, in the order of the stream. */
  readonly events: ReadonlyMap<string, readonly string[]>;
  /**
   * Whether Redis failed over. A failover may lose a start or a report that was answered. Then only acceptance and end
   * are promised.
   */
  readonly failedOver: boolean;
  /** The number of entries that the stream dropped because of its maximum length. */
  readonly eventsTrimmed: number;
}

export interface TaskFacts {
  readonly agent: string;
  readonly state: string;
  /** The number of runs that started. */
  readonly attempt: number;
  readonly log: readonly LogFacts[];
  /** The text of the result. Undefined if the task did not succeed. */
  readonly result: string | undefined;
}

export interface LogFacts {
  readonly sequence: number;
  /** In the form of `toLogLine`. */
  readonly line: string;
  readonly text?: string;
  readonly ended?: string;
}

const TOGETHER = 32;
const EVENT_PAGE = 5_000;
/** More than any installation in the tests has. */
const PARTITIONS = 16;

/** Reads every task with its log. It uses the queue's own calls. */
export async function readTasks(openQueue: OpenQueue): Promise<Map<string, TaskFacts>> {
  const queue = openQueue();
  try {
    const tasks = (await Promise.all(AGENTS.map((agent) => listAll(queue, agent)))).flat();
    const facts = new Map<string, TaskFacts>();
    const left = tasks.values();
    const reader = async (): Promise<void> => {
      for (const task of left) facts.set(task.id, await readTask(queue, task));
    };
    await Promise.all(Array.from({ length: TOGETHER }, reader));
    return facts;
  } finally {
    queue.close();
  }
}

async function listAll(queue: Client<QueueServiceService>, agentId: string): Promise<Task[]> {
  const tasks: Task[] = [];
  for (let pageToken = ""; ; ) {
    const page = await queue.list({ agentId, pageSize: 500, pageToken });
    tasks.push(...page.tasks);
    pageToken = page.nextPageToken;
    if (pageToken === "") return tasks;
  }
}

async function readTask(queue: Client<QueueServiceService>, task: Task): Promise<TaskFacts> {
  const state = stateName(task.state);
  const log: LogFacts[] = [];
  let result: string | undefined;
  // For a task that has not ended, Watch would wait for the end.
  if (task.endTime !== undefined) {
    for await (const { event } of queue.watch({ taskId: task.id, agentId: task.agentId })) {
      if (event === undefined) continue;
      log.push(toLogFacts(event));
      if (event.event?.$case === "taskEnded") result = event.event.value.result?.text;
    }
  }
  return { agent: task.agentId, state, attempt: task.attempt, log, result };
}

function toLogFacts(event: TaskEvent): LogFacts {
  const facts = { sequence: event.sequence, line: toLogLine(event) };
  if (event.event?.$case === "textDelta") return { ...facts, text: event.event.value.text };
  if (event.event?.$case === "taskEnded") return { ...facts, ended: stateName(event.event.value.state) };
  return facts;
}

export async function readEvents(redisUrl: string): Promise<Pick<Evidence, "events" | "eventsTrimmed">> {
  const redis = clientOf(redisUrl);
  try {
    const events = new Map<string, string[]>();
    let eventsTrimmed = 0;
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const key = eventsKey(partition);
      if ((await redis.exists(key)) === 0) continue;
      eventsTrimmed += trimmed(await redis.xinfo("STREAM", key));
      for (let from = "-"; ; ) {
        const page = await redis.xrange(key, from, "+", "COUNT", EVENT_PAGE);
        for (const [id, fields] of page) {
          const event = decodeEvent(partition, id, fields);
          if (event?.data === undefined) continue;
          const types = events.get(event.taskId) ?? [];
          events.set(event.taskId, types);
          types.push(EVENT_TYPES[event.data.$case]);
        }
        const last = page.at(-1);
        if (last === undefined || page.length < EVENT_PAGE) break;
        from = `(${last[0]}`;
      }
    }
    return { events, eventsTrimmed };
  } finally {
    redis.disconnect();
  }
}

/** Accepts both forms of URL that a storage has. */
function clientOf(url: string): Redis | Cluster {
  const [, nodes] = /^redis\+cluster:\/\/(.+)$/.exec(url) ?? [];
  return nodes === undefined ? new Redis(url) : new Cluster(nodes.split(",").map((node) => `redis://${node}`));
}

/** The number of entries that were ever added, minus the number of entries that still exist. */
function trimmed(info: unknown): number {
  const flat = Array.isArray(info) ? info : [];
  const value = (name: string): number => Number(flat[flat.indexOf(name) + 1]);
  return value("entries-added") - value("length");
}
