import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "@ccsp/e2e-kit/random.js";
import { CallError, type Client } from "@ccsp/grpc-kit";
import type { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { Priority, TaskSpec, type TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import { status } from "@grpc/grpc-js";
import { describeEnd, isEnd, toLogLine } from "./task-log.js";
import type { OpenQueue } from "./world.js";

export const AGENTS = ["ann", "bob", "cem", "dai", "eve", "fay"];
const CLASSES = [Priority.URGENT, Priority.HIGH, Priority.NORMAL, Priority.LOW] as const;

/** The answers that the agents got. */
export interface AgentsRecord {
  /** Task id → agent, for every Enqueue that was answered OK. */
  readonly accepted: Map<string, string>;
  /**
   * The lines that each watcher saw, in the form of `toLogLine`. If the watcher had to ask for the end, the last line
   * has the form of `describeEnd`.
   */
  readonly watched: Map<string, readonly string[]>;
  /** The end states that Cancel answered. */
  readonly ends: Map<string, TaskState>;
  /** Number of calls and streams that got no answer and were made again. */
  retries: number;
  /** Number of Enqueue calls that were repeated after they had been answered. */
  repeats: number;
  cancels: number;
  /** Number of watches that were resumed. */
  resumes: number;
  /** Answers that the contract does not allow. */
  readonly unexpected: string[];
}

export interface AgentsOptions {
  readonly openQueue: OpenQueue;
  readonly tasks: number;
  /** The time over which the tasks are submitted. */
  readonly spreadMs: number;
  /** The share of tasks that are watched to their end. */
  readonly watchedShare: number;
  readonly random: Random;
  readonly stop: AbortSignal;
}

const CALL_MS = 4_000;
const PAUSE_MS = 150;
const AWAY: readonly status[] = [status.UNAVAILABLE, status.DEADLINE_EXCEEDED, status.RESOURCE_EXHAUSTED];

/**
 * Starts agents that submit, watch and cancel. `done` resolves when each task was accepted and each watcher saw an end.
 */
export function startAgents(options: AgentsOptions): { readonly record: AgentsRecord; readonly done: Promise<void> } {
  const record: AgentsRecord = {
    accepted: new Map(),
    watched: new Map(),
    ends: new Map(),
    unexpected: [],
    retries: 0,
    repeats: 0,
    cancels: 0,
    resumes: 0,
  };
  const queue = options.openQueue();
  const done = submitAll(queue, options, record).finally(() => queue.close());
  return { record, done };
}

type Queue = Client<QueueServiceService>;

async function submitAll(queue: Queue, options: AgentsOptions, record: AgentsRecord): Promise<void> {
  const { tasks, spreadMs, random, stop } = options;
  const started = performance.now();
  const lives: Promise<void>[] = [];
  for (let index = 0; index < tasks && !stop.aborted; index++) {
    const early = (index * spreadMs) / tasks - (performance.now() - started);
    // Submits in bursts, as agents do.
    if (early > 0 && random.chance(0.2)) await sleep(early, undefined, { signal: stop }).catch(() => undefined);
    const plan = {
      agent: random.pick(AGENTS),
      priority: random.pick(CLASSES),
      repeats: random.chance(0.05),
      watches: random.chance(options.watchedShare),
      cancelAfterMs: random.chance(0.02) ? random.between(0, 3_000) : undefined,
    };
    lives.push(live(queue, index, plan, { options, record }));
  }
  await Promise.all(lives);
}

interface LifePlan {
  readonly agent: string;
  readonly priority: (typeof CLASSES)[number];
  readonly repeats: boolean;
  readonly watches: boolean;
  readonly cancelAfterMs: number | undefined;
}

async function live(
  queue: Queue,
  index: number,
  { agent, priority, repeats, watches, cancelAfterMs }: LifePlan,
  { options: { stop }, record }: { options: AgentsOptions; record: AgentsRecord },
): Promise<void> {
  const spec = TaskSpec.fromPartial({ prompt: `task ${index}`, priority, maxAttempts: 10 });
  const enqueue = async () => {
    const call = () => queue.enqueue({ agentId: agent, requestId: `chaos-${index}`, spec }, { timeoutMs: CALL_MS });
    return (await persist(call, { what: `Enqueue ${index}`, stop, record }))?.task?.id;
  };
  const taskId = await enqueue();
  if (taskId === undefined) return;
  record.accepted.set(taskId, agent);
  if (repeats) {
    record.repeats += 1;
    const again = await enqueue();
    if (again !== taskId && !stop.aborted)
      record.unexpected.push(`Enqueue ${index} repeated made ${again} besides ${taskId}`);
  }
  await Promise.all([
    watches && watch(queue, { taskId, agentId: agent }, { stop, record }),
    cancelAfterMs !== undefined && cancel(queue, { taskId, agentId: agent }, { cancelAfterMs, stop, record }),
  ]);
}

interface TaskRef {
  readonly taskId: string;
  readonly agentId: string;
}

async function cancel(
  queue: Queue,
  task: TaskRef,
  { cancelAfterMs, stop, record }: { cancelAfterMs: number; stop: AbortSignal; record: AgentsRecord },
): Promise<void> {
  await sleep(cancelAfterMs);
  record.cancels += 1;
  const call = () => queue.cancel({ ...task, reason: "chaos" }, { timeoutMs: CALL_MS });
  const state = (await persist(call, { what: `Cancel ${task.taskId}`, stop, record }))?.task?.state;
  if (state !== undefined && isEnd(state)) record.ends.set(task.taskId, state);
}

async function watch(
  queue: Queue,
  task: TaskRef,
  { stop, record }: { stop: AbortSignal; record: AgentsRecord },
): Promise<void> {
  const lines: string[] = [];
  let afterSequence = 0;
  let streams = 0;
  const follow = async (): Promise<true> => {
    if (++streams > 1) record.resumes += 1;
    for await (const { event } of queue.watch({ ...task, afterSequence }, { signal: stop })) {
      if (event === undefined) continue;
      afterSequence = event.sequence;
      lines.push(toLogLine(event));
      if (event.event?.$case === "taskEnded") return true;
    }
    // A failover may shorten a log, so that the watcher has already seen all of its entries. Then the stream brings no
    // end, and the watcher has to ask for it.
    const { task: now } = await queue.get(task, { timeoutMs: CALL_MS, signal: stop });
    if (now === undefined || !isEnd(now.state))
      throw new CallError(status.UNAVAILABLE, "the stream ended before the task did");
    lines.push(describeEnd(now));
    return true;
  };
  if (await persist(follow, { what: `Watch ${task.taskId}`, stop, record })) record.watched.set(task.taskId, lines);
}

/**
 * Repeats the call until it is answered. Resolves to undefined when it is stopped or when the call was refused for
 * good.
 */
async function persist<T>(
  call: () => Promise<T>,
  { what, stop, record }: { what: string; stop: AbortSignal; record: AgentsRecord },
): Promise<T | undefined> {
  while (!stop.aborted) {
    try {
      return await call();
    } catch (error) {
      if (stop.aborted) break;
      if (!(error instanceof CallError) || !AWAY.includes(error.code)) {
        record.unexpected.push(`${what}: ${String(error)}`);
        return undefined;
      }
      record.retries += 1;
      await sleep(PAUSE_MS);
    }
  }
  return undefined;
}
