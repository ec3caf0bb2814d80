import { visible } from "@ccsp/errors";
import type { Handlers } from "@ccsp/grpc-kit";
import type { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { createComplete } from "../application/complete.js";
import { deliver } from "../application/deliver.js";
import { createRunLearner } from "../application/run-learner.js";
import { readStatus, type StatusReadStore } from "../application/status.js";
import { createStatusFeed } from "../application/status-feed.js";
import { enqueueBatch, type Submissions } from "../application/submissions.js";
import type { TaskCache } from "../cache/task-cache.js";
import { conversationHandlers } from "../conversations/handlers.js";
import type { TaskConversations } from "../conversations/task-conversations.js";
import type { EmergencyStop } from "../domain/emergency/emergency-stop.js";
import type { RunTimeStore, SituationStore } from "../domain/explain/situation-store.js";
import { cut, MAX_REASON_BYTES } from "../domain/fields/text.js";
import type { Gates } from "../domain/gates/gate-keeper.js";
import type { SpecLimits } from "../domain/intake/validate.js";
import type { Sync } from "../domain/leases/sync.js";
import type { Queue } from "../domain/lifecycle/queue.js";
import type { LogStore } from "../domain/log/log-store.js";
import { runTask, watchTask } from "../domain/log/watch.js";
import type { Order } from "../domain/order/order.js";
import type { BulkStore } from "../domain/search/bulk.js";
import type { TaskContents } from "../domain/task/task-store.js";
import type { Wakes } from "../domain/wakes/wakes.js";
import { toBatchResponse } from "../messages/batch-message.js";
import { toDuration } from "../messages/duration.js";
import { toEmergencyStatus, toOrder } from "../messages/emergency-message.js";
import { toGateMessage } from "../messages/gate-message.js";
import { toTaskEvent } from "../messages/log-message.js";
import { failFacts } from "../messages/run-facts.js";
import { toTaskMessage } from "../messages/task-message.js";
import { toRunResponse, toWatchResponse } from "../messages/watch-message.js";
import { toState } from "../messages/words.js";
import type { ScheduleHandlers } from "../schedules/handlers.js";
import { filterHandlers } from "./by-filter.js";
import { readStop } from "./emergency.js";
import { readPause, readResume } from "./gates.js";
import { toLease } from "./lease-message.js";
import { questionHandlers } from "./questions.js";
import { readFailure, readPriority, readReport, readSync } from "./requests.js";
import { toStatusMessage } from "./status-message.js";

export interface HandlerDeps {
  readonly queue: Queue;
  readonly sync: Sync;
  readonly gates: Gates;
  readonly emergency: EmergencyStop;
  readonly store: BulkStore & StatusReadStore & SituationStore & RunTimeStore & LogStore & TaskContents;
  readonly wakes: Wakes;
  readonly limits: SpecLimits;
  /** Of a shard. */
  readonly order: Order;
  readonly submissions: Submissions;
  /** Absent: nothing is cached. */
  readonly cache?: TaskCache | undefined;
  readonly conversations: TaskConversations;
  readonly schedules: ScheduleHandlers;
  /** Ms since 1970, by Redis. */
  readonly clock: { now(): number };
}

/** QueueService: messages in, messages out; the rules are in domain/, and what several rooms do together in application/. */
export function queueHandlers({
  queue,
  sync,
  gates,
  emergency,
  store,
  wakes,
  limits,
  order,
  submissions,
  cache,
  conversations,
  schedules,
  clock,
}: HandlerDeps): Handlers<QueueServiceService> {
  const learn = createRunLearner(store, () => performance.now());
  const complete = createComplete({ queue, conversations, cache, learn });
  const getStatus = async () => toStatusMessage(await readStatus(store), limits);
  const watchStatus = createStatusFeed(getStatus);

  return {
    async enqueue(request) {
      return { task: toTaskMessage(await submissions.enqueue(request)) };
    },
    async enqueueBatch(request) {
      return toBatchResponse(await enqueueBatch(submissions, request));
    },
    ...conversationHandlers(conversations),
    ...schedules,
    ...questionHandlers({ queue, store, order, limits, conversations }),
    ...filterHandlers({ store, queue }),

    async sync(request, context) {
      const answer = await sync(readSync(request, context), context.signal);
      return {
        leases: await deliver(
          answer.grants,
          async (grant) => ({ ...toLease(grant), conversation: await conversations.ofLease(grant.task) }),
          queue,
        ),
        cancellations: answer.cancelled.map(({ id, fence, reason }) => ({ taskId: id, fence: BigInt(fence), reason })),
        lostTaskIds: [...answer.lost],
        nextSync: toDuration(answer.nextSyncMs),
        leaseLength: toDuration(answer.leaseMs),
        emergency: answer.emergency && toOrder(answer.emergency),
        time: new Date(clock.now()),
      };
    },

    async report(request) {
      await queue.report(readReport(request));
      return {};
    },

    async complete(request) {
      await complete({ ...request, fence: Number(request.fence) });
      return {};
    },

    async fail(request) {
      const error = readFailure(request);
      return { state: toState(await queue.fail(request.taskId, Number(request.fence), error, failFacts(request))) };
    },

    async release({ taskId, fence, reason }) {
      await queue.release(taskId, Number(fence), cut(visible(reason), MAX_REASON_BYTES));
      return {};
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

    async *watch({ taskId: id, agentId: agent, afterSequence }, { signal, unread }) {
      if (agent !== "") unread.countFor(agent);
      const reserve = (bytes: number) => unread.reserve(bytes);
      const watching = watchTask({ store, wakes, reserve }, { id, agent, afterSequence }, signal);
      for await (const watched of watching) yield toWatchResponse(watched);
    },

    async get({ taskId, agentId }) {
      return { task: toTaskMessage(await queue.get(taskId, agentId)) };
    },

    async cancel({ taskId, agentId, reason }) {
      return { task: toTaskMessage(await queue.cancel(taskId, agentId, reason)) };
    },

    async retryTask({ taskId, agentId, reason }) {
      return { task: toTaskMessage(await queue.retry(taskId, agentId, reason)) };
    },

    async setPriority({ taskId, agentId, priority }) {
      return { task: toTaskMessage(await queue.setPriority(taskId, agentId, readPriority(priority))) };
    },

    async pauseQueue(request) {
      const nowMs = await store.now("");
      const { scope, ...pause } = readPause(request, limits.engines, nowMs);
      const gate = await gates.pause(scope, pause);
      return { gate: toGateMessage(scope, gate, nowMs) };
    },

    async resumeQueue(request) {
      const { scope, who, why } = readResume(request, limits.engines);
      return { resumed: await gates.resume(scope, { who, why }) };
    },

    async emergencyStop(request, { signal }) {
      const { confirmed, ...state } = await emergency.stop(readStop(request), signal);
      return { status: toEmergencyStatus(state), confirmed };
    },

    getStatus,

    async *watchQueue(_request, { signal }) {
      for await (const status of watchStatus(signal)) yield { status };
    },
  };
}
