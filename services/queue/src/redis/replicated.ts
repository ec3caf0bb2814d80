import { Refusal } from "@ccsp/errors";
import { orUnavailable, type RedisClient, within } from "@ccsp/redis-kit";
import type { Logger } from "pino";
import type { Move } from "../domain/move.js";
import { shardOfTask } from "../domain/shard.js";
import type { EnqueueOutcome, TaskStore } from "../domain/store.js";
import { isEnded, type Task } from "../domain/task.js";
import { decodeTask } from "./decode.js";
import { groupCallsBy } from "./group-calls.js";
import { queueKeys } from "./keys.js";

/** A replica that is there answers in a fraction of a millisecond. */
const WAIT_MS = 1_000;

/** Who reads an older end does not wait, so that results can be read while a replica is away for long. Clocks differ by much less. */
const RECENT_MS = 60_000;

interface Change {
  readonly id: string;
  /** Whether the record shows it. Absent: the change is the record itself. */
  readonly isShownBy?: (record: Task) => boolean;
}

/**
 * The same store, which says that a task was accepted, has failed or has ended only when `replicas` of its Redis have that too, whoever asks:
 * also in answer to a repeated call, and to one that reads an end. Otherwise, after a second, it throws DEPENDENCY_UNAVAILABLE: the
 * change may have been made even so, and the call has to be repeated.
 *
 * `connection` is for this alone, since WAIT holds up what comes after it.
 */
export function replicated(store: TaskStore, connection: RedisClient, replicas = 1): TaskStore {
  const confirm = groupCallsBy<Change, boolean>(
    ({ id }) => String(shardOfTask(id)),
    (shard, changes) => askAll({ connection, replicas }, queueKeys(Number(shard)), changes),
    { count: 256, bytes: 1, bytesOf: () => 0 },
  );
  const confirmed = async (change: Change): Promise<void> => {
    const answer = orUnavailable(connection, () => confirm(change));
    if (!(await within(2 * WAIT_MS, answer, noReplica))) throw noReplica();
  };
  const confirmEnd: TaskStore["confirmEnd"] = async ({ id, state, ended = 0 }) => {
    if (Date.now() - ended > RECENT_MS) return;
    await confirmed({ id, isShownBy: (record) => record.state === state && record.ended === ended });
  };
  const confirmEnqueued = async (answer: EnqueueOutcome): Promise<EnqueueOutcome> => {
    if (answer.outcome === "added") await confirmed({ id: answer.task.id });
    if (answer.outcome === "known") await confirmed({ id: answer.id });
    return answer;
  };
  return {
    ...store,
    enqueue: async (task) => confirmEnqueued(await store.enqueue(task)),
    async enqueueAll(tasks) {
      const answers = await store.enqueueAll(tasks);
      return Promise.allSettled(
        answers.map(async (answer) => {
          if (answer.status === "rejected") throw answer.reason;
          return confirmEnqueued(answer.value);
        }),
      );
    },
    async move(task, move, result) {
      const outcome = await store.move(task, move, result);
      // Every Fail: its executor was told that the attempt is over, so the lease must not live on. And a repeated one is decided anew,
      // so `to` does not say whether the first one ended the task.
      const told = isEnded(move.to) || move.settle === "fail";
      if (told && (outcome === "ok" || outcome === "done")) {
        await confirmed({ id: task.id, isShownBy: (record) => isMadeBy(move, record) });
      }
      return outcome;
    },
    confirmEnd,
    async readLog(...where) {
      const page = await store.readLog(...where);
      if (page && isEnded(page.task.state)) await confirmEnd(page.task);
      return page;
    },
  };
}

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
  { barrier, tasks }: ReturnType<typeof queueKeys>,
  changes: readonly Change[],
): Promise<boolean[]> {
  const pipeline = connection.pipeline().set(barrier, "").wait(replicas, WAIT_MS);
  for (const { id, isShownBy } of changes) {
    if (isShownBy) pipeline.hget(tasks, id);
    else pipeline.hexists(tasks, id);
  }
  const replies = (await pipeline.exec()) ?? [];
  const fault = replies.find(([error]) => error !== null)?.[0];
  if (fault) throw fault;
  const [, confirmed, ...found] = replies.map(([, value]) => value);
  return changes.map(({ id, isShownBy }, i) => {
    const answer = found[i];
    const there = isShownBy ? typeof answer === "string" && isShownBy(decodeTask(id, answer)) : answer === 1;
    return there && Number(confirmed) >= replicas;
  });
}

const isMadeBy = ({ to, fence, settle }: Move, { state, settled }: Task): boolean =>
  settle === undefined ? state === to : settled === `${fence} ${settle}`;

const noReplica = (): Refusal =>
  new Refusal(
    "DEPENDENCY_UNAVAILABLE",
    "too few replicas of Redis confirmed the change (CCSP_QUEUE_DURABILITY, CCSP_QUEUE_REPLICAS)",
    {
      metadata: { dependency: "redis" },
      retryAfterMs: 1_000,
    },
  );
