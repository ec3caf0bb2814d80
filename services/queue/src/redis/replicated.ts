import type { RedisClient } from "@ccsp/redis-kit";
import type { Logger } from "pino";
import type { EnqueueOutcome, NewTask } from "../domain/intake/intake-store.js";
import { settleAnswers } from "../domain/intake/settle-all.js";
import type { TaskStore } from "../domain/store.js";
import type { Move } from "../domain/task/move.js";
import { isEnded, type Task } from "../domain/task/task.js";
import { decodeTask } from "./decode.js";
import { type Change, type Replicas, takenBack } from "./replicas.js";

/**
 * A caller that reads an end older than this does not wait for replicas, so results can be read while a replica is away
 * for long. The age is by Redis' clock, like the end itself.
 */
const RECENT_MS = 60_000;

/**
 * The same store, but some answers wait until the replicas of Redis have the change too: that a task was accepted, put
 * back, failed or ended. A repeated call waits too, and so does a call that reads an end. When the replicas do not
 * answer within 2 s, the call throws DEPENDENCY_UNAVAILABLE. The change may have been made nevertheless, and the
 * caller has to repeat the call.
 */
export function replicated(store: TaskStore, { isKept, confirm }: Replicas): TaskStore {
  const confirmEnqueued = async (task: NewTask, answer: EnqueueOutcome): Promise<EnqueueOutcome> => {
    if (answer.outcome === "added") await confirm(taskOf(answer.task.id));
    if (answer.outcome === "known") await confirm(requestOf(task, answer.id));
    return answer;
  };
  // Asks the shard's Redis for its time. `RedisClock` is not exact enough: it only estimates the time, and only that of
  // the first shard.
  const isEndSafe = async ({ id, state, ended = 0 }: Task): Promise<boolean> =>
    !isEnded(state) ||
    (await store.now(id)) - ended > RECENT_MS ||
    isKept(recordOf(id, (record) => record.state === state && record.ended === ended));
  const isWholeSafe = async (task: Task): Promise<boolean> =>
    isEnded(task.state) ? isEndSafe(task) : isKept(recordOf(task.id, ({ state }) => !isEnded(state)));
  /** Answers what was read when it is safe. By default, only an end has to be safe. */
  const readSafe = async <T>(
    read: () => Promise<T | undefined>,
    taskIn: (found: T) => Task,
    isSafe = isEndSafe,
  ): Promise<T | undefined> => {
    const found = await read();
    if (found === undefined || (await isSafe(taskIn(found)))) return found;
    // The task may have been put back or forgotten since the read.
    const again = await read();
    if (again === undefined || (await isSafe(taskIn(again)))) return again;
    throw takenBack();
  };
  return {
    ...store,
    enqueue: async (task) => confirmEnqueued(task, await store.enqueue(task)),
    async enqueueAll(tasks) {
      return settleAnswers(tasks, await store.enqueueAll(tasks), confirmEnqueued);
    },
    async move(task, move, result) {
      const outcome = await store.move(task, move, result);
      // Every Fail waits. Its executor learns that the attempt is over, so the lease must not come back. And a repeated
      // Fail is decided again, so `to` does not say whether the first one ended the task.
      const told = isEnded(move.to) || move.settle === "fail" || putsBack(move);
      if (told && (outcome === "ok" || outcome === "done")) {
        await confirm(recordOf(task.id, (record) => isMadeBy(move, record, task)));
      }
      return outcome;
    },
    findConfirmed: async (id, what) =>
      readSafe(
        () => store.find(id),
        (task) => task,
        what === "whole" ? isWholeSafe : isEndSafe,
      ),
    readLog: async (...where) =>
      readSafe(
        () => store.readLog(...where),
        ({ task }) => task,
      ),
  };
}

const taskOf = (id: string): Change => ({
  id,
  read: ({ tasks }) => ["hexists", tasks, id],
  isShownBy: (answer) => answer === 1,
});

/** The record of a request id. It may live longer than its task. */
const requestOf = ({ agent, request }: NewTask, id: string): Change => ({
  id,
  read: (keys) => ["get", keys.request(agent, request?.id ?? "")],
  isShownBy: (answer) => typeof answer === "string" && answer.startsWith(`${id} `),
});

const recordOf = (id: string, isShownBy: (record: Task) => boolean): Change => ({
  id,
  read: ({ tasks }) => ["hget", tasks, id],
  isShownBy: (answer) => typeof answer === "string" && isShownBy(decodeTask(id, answer)),
});

/** Warns when Redis has more replicas than `replicas`: a failover may promote one that never confirmed anything. */
export async function warnOfUnasked(redis: RedisClient, replicas: number, log: Logger): Promise<void> {
  // Redis may be in a failover. The queue starts nevertheless.
  const info = await redis.info("replication").catch(() => "");
  const connected = Number(/^connected_slaves:(\d+)/m.exec(info)?.[1] ?? 0);
  if (connected > replicas) {
    log.warn({ replicas, connected }, "Redis has more replicas than CCSP_QUEUE_REPLICAS: a failover may lose tasks");
  }
}

const putsBack = ({ from, settle }: Move): boolean => from !== undefined && isEnded(from) && settle === undefined;

function isMadeBy(move: Move, record: Task, before: Partial<Task>): boolean {
  const { from, to, fence = 0, settle } = move;
  // The task may have ended again since.
  if (putsBack(move)) return record.state !== from || record.ended !== before.ended;
  if (settle === undefined) return record.state === to;
  // A failed task may have been leased and settled again since. A newer lease also says that this one is over.
  return record.settled === `${fence} ${settle}` || (settle === "fail" && (record.fence ?? 0) > fence);
}
