import type { Handlers } from "@ccsp/grpc-kit";
import type { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { TaskConversations } from "./task-conversations.js";

type Methods = Pick<Handlers<QueueServiceService>, "saveConversation" | "loadConversation">;

/** The RPCs of QueueService for conversations. */
export const conversationHandlers = (conversations: TaskConversations): Methods => ({
  async saveConversation({ taskId, fence, transcript }) {
    await conversations.save(taskId, Number(fence), transcript);
    return {};
  },
  async loadConversation({ taskId, fence }) {
    return { transcript: await conversations.load(taskId, Number(fence)) };
  },
});
