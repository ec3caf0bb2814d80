import { Refusal } from "@ccsp/errors";
import { orUnavailable, type RedisClient, within } from "@ccsp/redis-kit";
import { shardOfTask } from "../domain/shard.js";
import type { EnqueueOutcome, TaskStore } from "../domain/store.js";
import { isEnded } from "../domain/task.js";
import { groupCallsBy } from "./group-calls.js";
import { queueKeys } from "./keys.js";

/** A replica that is there answers in a fraction of a millisecond. */
const WAIT_MS = 1_000;

interface Change {
  readonly id: string;
  readonly what: "accepted" | "ended";
}

/**
 * The same store, which says that a task was accepted or has ended only when `replicas` of its Redis have that too. Otherwise, after
 * a second, it throws DEPENDENCY_UNAVAILABLE: the change may have been made even so, and the call has to be repeated.
 *
 * `connection` is for this alone, since WAIT holds up what comes after it.
 */
export function replicated(store: TaskStore, connection: RedisClient, replicas = 1): TaskStore {
  const confirm = groupCallsBy<Change, boolean>(
    ({ id }) => String(shardOfTask(id)),
    (shard, changes) => ask({ connection, replicas }, queueKeys(Number(shard)), changes),
    { count: 256, bytes: 1, bytesOf: () => 0 },
  );
  const confirmed = async (change: Change): Promise<void> => {
    const answer = orUnavailable(connection, () => confirm(change));
    if (!(await within(2 * WAIT_MS, answer, noReplica))) throw noReplica();
  };
  const confirmEnqueued = async (answer: EnqueueOutcome): Promise<EnqueueOutcome> => {
    if (answer.outcome === "added") await confirmed({ id: answer.task.id, what: "accepted" });
    if (answer.outcome === "known") await confirmed({ id: answer.id, what: "accepted" });
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
      if (isEnded(move.to) && (outcome === "ok" || outcome === "done")) await confirmed({ id: task.id, what: "ended" });
      return outcome;
    },
  };
}

/**
 * WAIT counts the replicas that have what its own connection wrote, so this writes something after the changes. Then it looks
 * whether they are still there: between a change and this a replica may have become the master that never heard of it.
 */
async function ask(
  { connection, replicas }: { readonly connection: RedisClient; readonly replicas: number },
  { barrier, tasks, ended }: ReturnType<typeof queueKeys>,
  changes: readonly Change[],
): Promise<boolean[]> {
  const pipeline = connection.pipeline().set(barrier, "").wait(replicas, WAIT_MS);
  for (const { id, what } of changes) {
    if (what === "accepted") pipeline.hexists(tasks, id);
    else pipeline.zscore(ended, id);
  }
  const replies = (await pipeline.exec()) ?? [];
  const fault = replies.find(([error]) => error !== null)?.[0];
  if (fault) throw fault;
  const [, confirmed, ...found] = replies.map(([, value]) => value);
  return found.map((each) => Number(confirmed) >= replicas && each !== 0 && each !== null);
}

const noReplica = (): Refusal =>
  new Refusal(
    "DEPENDENCY_UNAVAILABLE",
    "too few replicas of Redis confirmed the change (CCSP_QUEUE_DURABILITY, CCSP_QUEUE_REPLICAS)",
    {
      metadata: { dependency: "redis" },
      retryAfterMs: 1_000,
    },
  );
