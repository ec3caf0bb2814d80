import type { IntakeStore } from "../intake/intake-store.js";
import type { LogStore, NoteStore } from "../log/log-store.js";
import type { Clock } from "../task/clock.js";
import { shardOfTask } from "../task/shard.js";
import type { TaskChanges, TaskContents, TaskReads } from "../task/task-store.js";
import type { Shards } from "./shards.js";

type TaskPorts = Clock & TaskReads & TaskContents & TaskChanges & LogStore & NoteStore;

/** A task is in the shard that its id names. */
export const shardedTasks = ({ all, first, ofTask }: Shards): TaskPorts => ({
  now: async (id) => (ofTask(id) ?? first).now(id),
  find: async (id) => ofTask(id)?.find(id),
  findConfirmed: async (id, what) => ofTask(id)?.findConfirmed(id, what),
  findLeased: async (id, fence) => ofTask(id)?.findLeased(id, fence),
  findPrompts: async (id) => ofTask(id)?.findPrompts(id),
  async findPromptStarts(tasks) {
    const inShards = await all((store, shard) =>
      store.findPromptStarts(tasks.filter(({ id }) => shardOfTask(id) === shard)),
    );
    const inTurn = inShards.map((starts) => starts.values());
    return tasks.map(({ id }) => inTurn[shardOfTask(id) ?? inTurn.length]?.next().value);
  },
  findResult: async (task) => ofTask(task.id)?.findResult(task),
  move: async (task, ...rest) => ofTask(task.id)?.move(task, ...rest) ?? "missing",
  report: async (report) => ofTask(report.id)?.report(report) ?? "lost",
  remove: async (task) => ofTask(task.id)?.remove(task),
  readNotes: async (id, sequences) => (await ofTask(id)?.readNotes(id, sequences)) ?? [],
  readLog: async (id, ...rest) => ofTask(id)?.readLog(id, ...rest),
});

/** A new task goes into the shard of its agent. */
export const shardedIntake = ({ all, ofAgent, shardOfAgent }: Shards): IntakeStore => ({
  enqueue: (task) => ofAgent(task.agent).enqueue(task),
  knows: (agent, requestId) => ofAgent(agent).knows(agent, requestId),
  async enqueueAll(tasks) {
    const shardOf = tasks.map(({ agent }) => shardOfAgent(agent));
    const answers = await all((store, shard) => store.enqueueAll(tasks.filter((_, i) => shardOf[i] === shard)));
    const inTurn = answers.map((ofShard) => ofShard.values());
    return shardOf.map((shard) => {
      const answer = inTurn[shard]?.next().value;
      if (answer === undefined) throw new Error("a shard did not answer for each task");
      return answer;
    });
  },
});
