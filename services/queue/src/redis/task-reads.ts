import type { LogStore, NoteStore } from "../domain/log/log-store.js";
import type { Task } from "../domain/task/task.js";
import { PROMPT_START_BYTES, type TaskContents, type TaskReads } from "../domain/task/task-store.js";
import { decodeEntry, decodeTask, streamIdOf, successOf } from "./decode.js";
import { groupCalls } from "./group-calls.js";
import type { ResultChunks } from "./result-chunks.js";
import type { Shard } from "./shard.js";

/** A page of a log ends after this many bytes, because Redis and this process do nothing else while they handle it. */
const PAGE_BYTES = 256 * 1024;

/** Redis copies each value of which it returns the beginning, and a value may have 5 MiB. 40 MiB take some 10 ms. */
const STARTS = { count: 100, bytes: 40 * 1024 * 1024, bytesOf: ({ size }: Pick<Task, "size">) => size };
const RECORDS = { count: 64, bytes: Number.POSITIVE_INFINITY, bytesOf: () => 0 };

/** Reads one task and its log. `findLeased` is in `createTaskStore`, because it needs what claims leased. */
export function createTaskReads(
  { redis, scripts, keys }: Shard,
  chunks: ResultChunks,
): Omit<TaskReads, "findLeased"> & TaskContents & LogStore & NoteStore {
  const { tasks, prompts, results } = keys;
  const findRecord = groupCalls<string, string | null>(async (ids) => redis.hmget(tasks, ...ids), RECORDS);
  const findStart = groupCalls<Pick<Task, "id" | "size">, Buffer | null>(
    async (group) => scripts.readPromptStarts({ prompts }, PROMPT_START_BYTES, ...group.map(({ id }) => id)),
    STARTS,
  );
  const find: TaskReads["find"] = async (id) => {
    const record = await findRecord(id);
    return record === null ? undefined : decodeTask(id, record);
  };

  return {
    find,
    // Without replicas to wait for, a change is as safe as it gets when Redis shows it.
    findConfirmed: find,
    findPrompts: async (id) => (await redis.hgetBuffer(prompts, id)) ?? undefined,
    async findPromptStarts(wanted) {
      const starts = await Promise.all(wanted.map(findStart));
      return starts.map((start) => start ?? undefined);
    },
    findResult: async ({ id, chunks: digest }) =>
      digest === undefined ? ((await redis.hgetBuffer(results, id)) ?? undefined) : chunks.read(id, digest),

    async readNotes(id, sequences) {
      const log = keys.log(id);
      const found = await Promise.all(
        sequences.map((sequence) => redis.xrangeBuffer(log, streamIdOf(sequence), streamIdOf(sequence))),
      );
      return found.flat().map(decodeEntry);
    },

    async readLog(id, sequence, count) {
      const [record, result, length, more, ...page] = await scripts.readLog(
        { tasks, results, log: keys.log(id) },
        id,
        streamIdOf(sequence),
        count,
        PAGE_BYTES,
      );
      if (record === null) return undefined;
      const task = decodeTask(id, record);
      const ends = more === 0 ? successOf(task, length).filter((entry) => entry.sequence > sequence) : [];
      const entries = [...page.map(decodeEntry), ...ends];
      return { task, entries, more: more === 1, result: result ?? undefined };
    },
  };
}
