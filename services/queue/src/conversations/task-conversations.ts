import type { HeldConversation } from "@ccsp/protos/ccsp/queue/v1/conversation.js";
import { shardOfTask } from "../domain/task/shard.js";
import type { Task } from "../domain/task/task.js";
import type { TaskReads } from "../domain/task/task-store.js";
import { loadSpec } from "../messages/task-message.js";
import type { Turn } from "./conversation.js";
import type { Asked, Conversations, PendingTurn } from "./conversations.js";

export type TaskConversations = ReturnType<typeof createTaskConversations>;

/** What the holder of a lease reports about its turn. */
export interface TurnEnd {
  readonly taskId: string;
  readonly fence: number;
  /** When this and `transcriptFault` are empty, the run is part of no conversation. */
  readonly engineConversationId: string;
  readonly transcriptFault: string;
}

/** Conversations, as seen from tasks. */
export function createTaskConversations(conversations: Conversations, tasks: TaskReads) {
  const askedBy = (task: Task) => loadSpec(task, undefined).conversation;
  const find = async (id: string) => (shardOfTask(id) === undefined ? undefined : tasks.find(id));

  return {
    follow: (agent: string, engine: string, asked: Asked) => conversations.follow(agent, engine, asked),

    traceOf: (turn: Turn) => conversations.traceOf(turn),

    /** Throws LEASE_LOST, INVALID_FIELD. */
    save: (taskId: string, fence: number, transcript: Uint8Array) => conversations.save(taskId, fence, transcript),

    /** Throws LEASE_LOST, CONVERSATION_NOT_FOUND. */
    async load(taskId: string, fence: number): Promise<Buffer> {
      const task = await find(taskId);
      return conversations.load(task, fence, task && askedBy(task));
    },

    /** The content of `Lease.conversation`. */
    async ofLease(task: Task): Promise<HeldConversation | undefined> {
      const asked = askedBy(task);
      const turn = asked && (await conversations.held(asked));
      return (
        turn && {
          engineConversationId: turn.engineId,
          executorId: turn.executor,
          turnFence: BigInt(turn.fence),
          transcriptFault: turn.fault ?? "",
        }
      );
    },

    /** The caller calls this before it completes a task. */
    async ofResult({
      taskId,
      fence,
      engineConversationId: engineId,
      transcriptFault: fault,
    }: TurnEnd): Promise<PendingTurn | undefined> {
      if (engineId === "" && fault === "") return undefined;
      const task = await find(taskId);
      const asked = task && askedBy(task);
      return asked && conversations.complete(task, fence, asked, { engineId, fault });
    },
  };
}
