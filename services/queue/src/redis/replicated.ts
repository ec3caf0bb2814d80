import { Refusal } from "@ccsp/errors";
import { orUnavailable, type RedisClient, within } from "@ccsp/redis-kit";
import type { ChainableCommander } from "ioredis";
import type { Move } from "../domain/move.js";
import { shardOfTask } from "../domain/shard.js";
import type { LogEntry, TaskStore } from "../domain/store.js";
import { isEnded, type Task } from "../domain/task.js";
import { decodeEntry, decodeTask, streamIdOf } from "./decode.js";
import { groupCallsBy } from "./group-calls.js";
import { type QueueKeys, queueKeys } from "./keys.js";

/** A replica that is there answers in a fraction of a millisecond. */
const WAIT_MS = 1_000;

/** Who reads an older end does not wait, so that results can be read while a replica is away for long. Clocks differ by much less. */
const RECENT_MS = 60_000;

/** What is to be confirmed, and how a Redis shows that it has it. */
interface Change {
  readonly id: string;
  readonly ask: (pipeline: ChainableCommander, keys: QueueKeys) => unknown;
  readonly isShownBy: (reply: unknown) => boolean;
}

/**
 * The same store, which says that a task was accepted, that a run failed or that a task has ended only when `replicas` of its Redis have that too, whoever asks: also
 * a repeated call, and one that reads an end. Otherwise, after a second, it throws DEPENDENCY_UNAVAILABLE: the change may have
 * been made even so, and the call has to be repeated.
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
  return {
    ...store,
    async enqueue(task) {
      const answer = await store.enqueue(task);
      if (answer.outcome === "added") await confirmed(acceptance(answer.task.id));
      if (answer.outcome === "known") await confirmed(acceptance(answer.id));
      return answer;
    },
    async move(task, move, result) {
      const outcome = await store.move(task, move, result);
      // Every Fail: its executor was told that the attempt is over, so the lease must not live on. And a repeated one is decided anew,
      // so `to` does not say whether the first one ended the task.
      const told = isEnded(move.to) || move.settle === "fail";
      if (told && (outcome === "ok" || outcome === "done")) {
        await confirmed(record(task.id, (found) => isMadeBy(move, found)));
      }
      return outcome;
    },
    async confirmEnd({ id, state, ended = 0 }) {
      if (!isRecent(ended)) return;
      await confirmed(record(id, (found) => found.state === state && found.ended === ended));
    },
    async readLog(id, ...range) {
      const entries = await store.readLog(id, ...range);
      const end = entries.findLast(({ content }) => content.kind === "state" && isEnded(content.state));
      if (end && isRecent(end.timeMs)) await confirmed(logEntry(id, end));
      return entries;
    },
  };
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
): Promise<boolean[]> {
  const pipeline = connection.pipeline().set(keys.barrier, "").wait(replicas, WAIT_MS);
  for (const { ask } of changes) ask(pipeline, keys);
  const replies = (await pipeline.exec()) ?? [];
  const fault = replies.find(([error]) => error !== null)?.[0];
  if (fault) throw fault;
  const [, confirmed, ...found] = replies.map(([, value]) => value);
  return changes.map(({ isShownBy }, i) => Number(confirmed) >= replicas && isShownBy(found[i]));
}

const isRecent = (ms: number): boolean => Date.now() - ms < RECENT_MS;

const acceptance = (id: string): Change => ({
  id,
  ask: (pipeline, { tasks }) => pipeline.hexists(tasks, id),
  isShownBy: (reply) => reply === 1,
});

const record = (id: string, isIt: (found: Task) => boolean): Change => ({
  id,
  ask: (pipeline, { tasks }) => pipeline.hget(tasks, id),
  isShownBy: (reply) => typeof reply === "string" && isIt(decodeTask(id, reply)),
});

const isMadeBy = ({ to, fence, settle }: Move, { state, settled }: Task): boolean =>
  settle === undefined ? state === to : settled === `${fence} ${settle}`;

const logEntry = (id: string, { sequence, timeMs }: LogEntry): Change => ({
  id,
  ask: (pipeline, { log }) => pipeline.xrangeBuffer(log(id), streamIdOf(sequence), streamIdOf(sequence)),
  isShownBy(reply) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what XRANGE answers
    const [entry] = reply as Parameters<typeof decodeEntry>[0][];
    return entry !== undefined && decodeEntry(entry).timeMs === timeMs;
  },
});

const noReplica = (): Refusal =>
  new Refusal(
    "DEPENDENCY_UNAVAILABLE",
    "too few replicas of Redis confirmed the change (CCSP_QUEUE_DURABILITY, CCSP_QUEUE_REPLICAS)",
    {
      metadata: { dependency: "redis" },
      retryAfterMs: 1_000,
    },
  );
