import type { Handlers } from "@ccsp/grpc-kit";
import type { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { readPriority } from "../application/read-change.js";
import { enqueueBatch, type Submissions } from "../application/submissions.js";
import type { Queue } from "../domain/lifecycle/queue.js";
import type { LogStore } from "../domain/log/log-store.js";
import { runTask, watchTask } from "../domain/log/watch.js";
import type { TaskContents } from "../domain/task/task-store.js";
import type { Wakes } from "../domain/wakes/wakes.js";
import { toBatchResponse } from "../messages/batch-message.js";
import { toRunResponse, toTaskEvent, toWatchResponse } from "../messages/log-message.js";
import { toTaskMessage } from "../messages/task-message.js";
import { callerOf } from "./caller.js";

export interface TaskDeps {
  readonly queue: Queue;
  readonly submissions: Submissions;
  readonly store: LogStore & TaskContents;
  readonly wakes: Wakes;
}

type Rpc = "enqueue" | "enqueueBatch" | "run" | "watch" | "get" | "cancel" | "retryTask" | "setPriority";

/** The RPCs with which an agent creates, follows and changes its tasks. */
export function taskHandlers({ queue, submissions, store, wakes }: TaskDeps): Pick<Handlers<QueueServiceService>, Rpc> {
  return {
    async enqueue(request) {
      return { task: toTaskMessage(await submissions.enqueue(request)) };
    },

    async enqueueBatch(request) {
      return toBatchResponse(await enqueueBatch(submissions, request));
    },

    async *run(request, { signal, unread }) {
      unread.countFor(request.agentId);
      const id = submissions.newId(request.agentId);
      const accept = () => submissions.enqueue(request, id);
      const reserve = (bytes: number) => unread.reserve(bytes);
      for await (const { accepted, watched } of runTask({ store, wakes, reserve }, { id, accept }, signal)) {
        if (accepted) yield { task: toTaskMessage(accepted), event: watched && toTaskEvent(watched) };
        else if (watched) yield toRunResponse(watched);
      }
    },

    async *watch({ taskId: id, agentId, afterSequence, untilNow, reader }, context) {
      const { signal, unread } = context;
      const caller = callerOf(context, agentId);
      const name = agentId || reader;
      if (name !== "") unread.countFor(name);
      const reserve = (bytes: number) => unread.reserve(bytes);
      const watching = watchTask({ store, wakes, reserve }, { id, caller, afterSequence, untilNow }, signal);
      for await (const watched of watching) yield toWatchResponse(watched);
    },

    async get({ taskId, agentId }, context) {
      return { task: toTaskMessage(await queue.get(taskId, callerOf(context, agentId))) };
    },

    async cancel({ taskId, agentId, reason }, context) {
      return { task: toTaskMessage(await queue.cancel(taskId, callerOf(context, agentId), reason)) };
    },

    async retryTask({ taskId, agentId, reason }, context) {
      return { task: toTaskMessage(await queue.retry(taskId, callerOf(context, agentId), reason)) };
    },

    async setPriority({ taskId, agentId, priority }, context) {
      const caller = callerOf(context, agentId);
      return { task: toTaskMessage(await queue.setPriority(taskId, caller, readPriority(priority))) };
    },
  };
}
