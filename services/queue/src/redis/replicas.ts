import { Refusal } from "@ccsp/errors";
import { asRefusal, bindScript, isRedirection, type RedisClient, scriptSource } from "@ccsp/redis-kit";
import { shardOfTask } from "../domain/task/shard.js";
import { groupInTurn } from "./group-in-turn.js";
import { type QueueKeys, queueKeys } from "./keys.js";

/** A replica that is there answers in a fraction of a millisecond. */
const WAIT_MS = 1_000;
/** Nobody waits for longer. */
const PATIENCE_MS = 2 * WAIT_MS;

/** What was changed in Redis. */
export interface Change {
  /** Of its task; "" for what is in the first shard. */
  readonly id: string;
  /** The command whose answer shows it. */
  readonly look: (keys: QueueKeys) => string[];
  /** Whether the answer does. */
  readonly isShownBy: (answer: unknown) => boolean;
}

export type Replicas = ReturnType<typeof createReplicas>;

/** Binds what is written before each WAIT. */
export const bindBarrier = (redis: RedisClient) =>
  bindScript(redis, new URL("../../lua/write_barrier.lua", import.meta.url), ["barrier"], () => undefined);

/** Asks whether `replicas` of Redis have a change. `connection` is for this alone, since WAIT holds up what comes after it. */
export function createReplicas(connection: RedisClient, replicas = 1) {
  const barrier = bindBarrier(connection);
  const barrierText = scriptSource(barrier);
  const ask = groupInTurn<number, Change, unknown>(
    (shard, changes) => askAll({ connection, barrier, barrierText, replicas }, queueKeys(shard), changes),
    { keyOf: ({ id }) => shardOfTask(id) ?? 0, patienceMs: PATIENCE_MS, late: noReplica },
  );
  /** Whether what they have shows it. Throws DEPENDENCY_UNAVAILABLE when too few answer. */
  const isKept = async (change: Change): Promise<boolean> => change.isShownBy(await asRefusal(() => ask(change)));
  return {
    isKept,
    /** Throws DEPENDENCY_UNAVAILABLE unless they have it. */
    confirm: async (change: Change): Promise<void> => {
      if (!(await isKept(change))) throw takenBack();
    },
  };
}

/**
 * WAIT counts the replicas that have what its own connection wrote, so this writes something after the changes. Then it looks
 * whether they are still there: between a change and this a replica may have become the master that never heard of it, or where
 * the task has ended otherwise since.
 */
async function askAll(
  { connection, barrier, barrierText, replicas }: Connection,
  keys: QueueKeys,
  changes: readonly Change[],
): Promise<unknown[]> {
  const commands = [
    // With its text: one that Redis does not know would be sent again after the WAIT.
    ["eval", barrierText, 1, keys.barrier],
    ["wait", replicas, WAIT_MS],
    ...changes.map(({ look }) => look(keys)),
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
    // A pipeline with a WAIT, which names no key, follows nobody, and nothing is learnt from it. A command by itself does, and its connection
    // knows from then on who has the shard.
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

/** Whoever asked has to ask again. */
export const takenBack = (): Refusal => unconfirmed("Redis does not show the change any more, as after a failover");
