import { Refusal } from "@ccsp/errors";
import { asRefusal, bindScript, isRedirection, type RedisClient, scriptSource } from "@ccsp/redis-kit";
import { shardOfTask } from "../domain/task/shard.js";
import { groupInTurn } from "./group-in-turn.js";
import { type QueueKeys, queueKeys } from "./keys.js";

/** A replica that is connected answers in a fraction of a millisecond. */
const WAIT_MS = 1_000;
/** The longest time that a caller waits. */
const PATIENCE_MS = 2 * WAIT_MS;

/** A change in Redis that replicas may have. */
export interface Change {
  /** The id of the changed task; "" for other data, which is in the first shard. */
  readonly id: string;
  /** The command that reads the changed data. */
  readonly read: (keys: QueueKeys) => string[];
  /** Whether the answer to the command shows the change. */
  readonly isShownBy: (answer: unknown) => boolean;
}

export type Replicas = ReturnType<typeof createReplicas>;

/** Binds the script that writes something before each WAIT. */
export const bindBarrier = (redis: RedisClient) =>
  bindScript(redis, new URL("../../lua/write_barrier.lua", import.meta.url), ["barrier"], () => undefined);

/** Asks whether `replicas` of Redis have a change. WAIT delays all later commands, so `connection` is only for this. */
export function createReplicas(connection: RedisClient, replicas = 1) {
  const barrier = bindBarrier(connection);
  const barrierText = scriptSource(barrier);
  const ask = groupInTurn<number, Change, unknown>(
    (shard, changes) => askAll({ connection, barrier, barrierText, replicas }, queueKeys(shard), changes),
    { keyOf: ({ id }) => shardOfTask(id) ?? 0, patienceMs: PATIENCE_MS, late: noReplica },
  );
  /** Whether the change is there and on the replicas. Throws DEPENDENCY_UNAVAILABLE when too few of them answer. */
  const isKept = async (change: Change): Promise<boolean> => change.isShownBy(await asRefusal(() => ask(change)));
  return {
    isKept,
    /** Resolves when the replicas have the change. Throws DEPENDENCY_UNAVAILABLE otherwise. */
    confirm: async (change: Change): Promise<void> => {
      if (!(await isKept(change))) throw takenBack();
    },
  };
}

/**
 * WAIT counts the replicas that have the last write of its own connection. So this function writes something after the
 * changes. Then it reads whether the changes are still there: a replica may have become the master since. It may never
 * have received the change, or its task may have ended in another way there.
 */
async function askAll(
  { connection, barrier, barrierText, replicas }: Connection,
  keys: QueueKeys,
  changes: readonly Change[],
): Promise<unknown[]> {
  const commands = [
    // EVAL, not EVALSHA: a script that Redis does not know would be sent again after the WAIT.
    ["eval", barrierText, 1, keys.barrier],
    ["wait", replicas, WAIT_MS],
    ...changes.map(({ read }) => read(keys)),
  ];
  for (const begunMs = performance.now(); ; ) {
    const replies = (await connection.pipeline(commands).exec()) ?? [];
    const fault = replies.find(([error]) => error !== null)?.[0];
    if (!fault) {
      const [, confirmed, ...answers] = replies.map(([, value]) => value);
      if (Number(confirmed) < replicas) throw noReplica();
      return answers;
    }
    if (!isRedirection(fault) || performance.now() - begunMs > PATIENCE_MS) throw fault;
    // ioredis follows no redirection for a pipeline with a WAIT, because WAIT names no key. It follows one for a single
    // command. After this command, the connection knows which node has the shard.
    await barrier({ barrier: keys.barrier });
  }
}

interface Connection {
  readonly connection: RedisClient;
  readonly barrier: ReturnType<typeof bindBarrier>;
  readonly barrierText: string;
  readonly replicas: number;
}

const unconfirmed = (why: string): Refusal =>
  new Refusal("DEPENDENCY_UNAVAILABLE", why, { metadata: { dependency: "redis" }, retryAfterMs: 1_000 });
const noReplica = (): Refusal =>
  unconfirmed("too few replicas of Redis confirmed the change (CCSP_QUEUE_DURABILITY, CCSP_QUEUE_REPLICAS)");

/** The caller has to repeat its call. */
export const takenBack = (): Refusal => unconfirmed("Redis does not show the change any more, as after a failover");
