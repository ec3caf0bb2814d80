import type { Handlers } from "@ccsp/grpc-kit";
import type {
  CompleteRequest,
  HeldConversation,
  QueueServiceService,
} from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { shardOfTask } from "../domain/task/shard.js";
import type { Task } from "../domain/task/task.js";
import type { TaskReads } from "../domain/task/task-store.js";
import { loadSpec } from "../messages/task-message.js";
import type { Asked, Conversations, PendingTurn } from "./conversations.js";

type Methods = Pick<Handlers<QueueServiceService>, "saveConversation" | "loadConversation">;

export type ConversationHandlers = ReturnType<typeof conversationHandlers>;

/** What the other handlers ask of conversations, and the two RPCs that are theirs alone. */
export function conversationHandlers(conversations: Conversations, tasks: TaskReads) {
  const askedBy = (task: Task) => loadSpec(task, undefined).conversation;
  const find = async (id: string) => (shardOfTask(id) === undefined ? undefined : tasks.find(id));

  const methods: Methods = {
    async saveConversation({ taskId, fence, transcript }) {
      await conversations.save(taskId, Number(fence), transcript);
      return {};
    },
    async loadConversation({ taskId, fence }) {
      const task = await find(taskId);
      return { transcript: await conversations.load(task, Number(fence), task && askedBy(task)) };
    },
  };

  return {
    methods,
    follow: (agent: string, engine: string, asked: Asked) => conversations.follow(agent, engine, asked),

    /** `Lease.conversation`. */
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

    /** To be called before a task is completed. */
    async ofResult(request: CompleteRequest): Promise<PendingTurn | undefined> {
      const { taskId, fence, engineConversationId: engineId, transcriptFault: fault } = request;
      if (engineId === "" && fault === "") return undefined;
      const task = await find(taskId);
      const asked = task && askedBy(task);
      return asked && conversations.complete(task, Number(fence), asked, { engineId, fault });
    },
  };
}
