import { Refusal } from "@ccsp/errors";
import { orUnavailable, type RedisClient } from "@ccsp/redis-kit";
import type { Logger } from "pino";
import type { Move } from "../domain/move.js";
import { settleAnswers } from "../domain/settle-all.js";
import { shardOfTask } from "../domain/shard.js";
import type { EnqueueOutcome, NewTask, TaskStore } from "../domain/store.js";
import { isEnded, type Task } from "../domain/task.js";
import { decodeTask } from "./decode.js";
import { groupInTurn } from "./group-in-turn.js";
import { type QueueKeys, queueKeys } from "./keys.js";

/** A replica that is there answers in a fraction of a millisecond. */
const WAIT_MS = 1_000;

/** Who reads an older end does not wait, so that results can be read while a replica is away for long. Clocks differ by much less. */
const RECENT_MS = 60_000;

interface Change {
  /** Of its task. */
  readonly id: string;
  /** The command whose answer shows it. */
  readonly look: (keys: QueueKeys) => string[];
  /** Whether the answer does. */
  readonly isShownBy: (answer: unknown) => boolean;
}

/**
 * The same store, which says that a task was accepted, has failed or has ended only when `replicas` of its Redis have that too, whoever asks:
 * also in answer to a repeated call, and to one that reads an end. Otherwise, after two seconds at most, it throws DEPENDENCY_UNAVAILABLE: the
 * change may have been made even so, and the call has to be repeated.
 *
 * `connection` is for this alone, since WAIT holds up what comes after it.
 */
export function replicated(store: TaskStore, connection: RedisClient, replicas = 1): TaskStore {
  const ask = groupInTurn<number, Change, unknown>(
    (shard, changes) => askAll({ connection, replicas }, queueKeys(shard), changes),
    { keyOf: ({ id }) => shardOfTask(id) ?? 0, patienceMs: 2 * WAIT_MS, late: noReplica },
  );
  /** Whether what the replicas have shows it. */
  const isKept = async (change: Change): Promise<boolean> =>
    change.isShownBy(await orUnavailable(connection, () => ask(change)));
  const confirmed = async (change: Change): Promise<void> => {
    if (!(await isKept(change))) throw takenBack();
  };
  const confirmEnqueued = async (task: NewTask, answer: EnqueueOutcome): Promise<EnqueueOutcome> => {
    if (answer.outcome === "added") await confirmed(taskOf(answer.task.id));
    if (answer.outcome === "known") await confirmed(requestOf(task, answer.id));
    return answer;
  };
  const isSafe = async ({ id, state, ended = 0 }: Task): Promise<boolean> =>
    !isEnded(state) ||
    Date.now() - ended > RECENT_MS ||
    isKept(recordOf(id, (record) => record.state === state && record.ended === ended));
  /** What is read, once its end is safe. */
  const readSafe = async <T>(
    read: () => Promise<T | undefined>,
    taskIn: (found: T) => Task,
  ): Promise<T | undefined> => {
    const found = await read();
    if (found === undefined || (await isSafe(taskIn(found)))) return found;
    // It may have been put back or forgotten meanwhile.
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
      // Every Fail: its executor was told that the attempt is over, so the lease must not live on. And a repeated one is decided anew,
      // so `to` does not say whether the first one ended the task.
      const told = isEnded(move.to) || move.settle === "fail";
      if (told && (outcome === "ok" || outcome === "done")) {
        await confirmed(recordOf(task.id, (record) => isMadeBy(move, record)));
      }
      return outcome;
    },
    findConfirmed: async (id) =>
      readSafe(
        () => store.find(id),
        (task) => task,
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
  look: ({ tasks }) => ["hexists", tasks, id],
  isShownBy: (answer) => answer === 1,
});

/** That a request came before, which is remembered for longer than its task may be. */
const requestOf = ({ agent, request }: NewTask, id: string): Change => ({
  id,
  look: (keys) => ["get", keys.request(agent, request?.id ?? "")],
  isShownBy: (answer) => typeof answer === "string" && answer.startsWith(`${id} `),
});

const recordOf = (id: string, isShownBy: (record: Task) => boolean): Change => ({
  id,
  look: ({ tasks }) => ["hget", tasks, id],
  isShownBy: (answer) => typeof answer === "string" && isShownBy(decodeTask(id, answer)),
});

/** Warns when Redis has more replicas than `replicas`: a failover may promote one that never confirmed anything. */
export async function warnOfUnasked(redis: RedisClient, replicas: number, log: Logger): Promise<void> {
  // Redis may be in the middle of a failover: no reason not to start.
  const info = await redis.info("replication").catch(() => "");
  const connected = Number(/^connected_slaves:(\d+)/m.exec(info)?.[1] ?? 0);
  if (connected > replicas) {
    log.warn({ replicas, connected }, "Redis has more replicas than CCSP_QUEUE_REPLICAS: a failover may lose tasks");
  }
}

/**
 * WAIT counts the replicas that have what its own connection wrote, so this writes something after the changes. Then it looks
 * whether they are still there: between a change and this a replica may have become the master that never heard of it, or where
 * the task has ended otherwise since.
 */
async function askAll(
  { connection, replicas }: { readonly connection: RedisClient; readonly replicas: number },
  keys: QueueKeys,
  changes: readonly Change[],
): Promise<unknown[]> {
  const barrier = [
    ["set", keys.barrier, ""],
    ["wait", replicas, WAIT_MS],
  ];
  const replies = (await connection.pipeline([...barrier, ...changes.map(({ look }) => look(keys))]).exec()) ?? [];
  const fault = replies.find(([error]) => error !== null)?.[0];
  if (fault) throw fault;
  const [, confirmed, ...answers] = replies.map(([, value]) => value);
  if (Number(confirmed) < replicas) throw noReplica();
  return answers;
}

function isMadeBy({ to, fence = 0, settle }: Move, record: Task): boolean {
  if (settle === undefined) return record.state === to;
  // What failed may have been leased and settled again since: a newer lease says as well that this one is over.
  return record.settled === `${fence} ${settle}` || (settle === "fail" && (record.fence ?? 0) > fence);
}

const unconfirmed = (why: string): Refusal =>
  new Refusal("DEPENDENCY_UNAVAILABLE", why, { metadata: { dependency: "redis" }, retryAfterMs: 1_000 });
const noReplica = (): Refusal =>
  unconfirmed("too few replicas of Redis confirmed the change (CCSP_QUEUE_DURABILITY, CCSP_QUEUE_REPLICAS)");
const takenBack = (): Refusal => unconfirmed("Redis does not show the change any more, as after a failover");
