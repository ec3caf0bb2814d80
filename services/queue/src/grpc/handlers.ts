import { visible } from "@ccsp/errors";
import type { Handlers } from "@ccsp/grpc-kit";
import type { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { TaskCache } from "../cache/task-cache.js";
import type { ConversationHandlers } from "../conversations/handlers.js";
import type { EmergencyStop } from "../domain/emergency/emergency-stop.js";
import { cut, MAX_REASON_BYTES } from "../domain/fields/text.js";
import type { Gates } from "../domain/gates/gate-keeper.js";
import type { SpecLimits } from "../domain/intake/validate.js";
import type { Sync } from "../domain/leases/sync.js";
import type { Queue } from "../domain/lifecycle/queue.js";
import { runTask, watchTask } from "../domain/log/watch.js";
import type { Order } from "../domain/order/order.js";
import type { TaskStore } from "../domain/store.js";
import type { Wakes } from "../domain/wakes/wakes.js";
import { toDuration } from "../messages/duration.js";
import { toEmergencyStatus, toOrder } from "../messages/emergency-message.js";
import { toGateMessage } from "../messages/gate-message.js";
import { toTaskEvent } from "../messages/log-message.js";
import { toTaskMessage } from "../messages/task-message.js";
import { toRunResponse, toWatchResponse } from "../messages/watch-message.js";
import { toState } from "../messages/words.js";
import type { RedisClock } from "../redis/redis-clock.js";
import type { ScheduleHandlers } from "../schedules/handlers.js";
import { filterHandlers } from "./by-filter.js";
import { deliver } from "./deliver.js";
import { readStop } from "./emergency.js";
import { type Door, enqueueBatch } from "./enqueue.js";
import { readPause, readResume } from "./gates.js";
import { questionHandlers } from "./questions.js";
import { failFacts, readFailure, readPriority, readReport, readResult, readSync, resultFacts } from "./requests.js";
import { createRunLearner } from "./run-learner.js";
import { readStatus } from "./status.js";
import { createStatusFeed } from "./status-feed.js";

export interface HandlerDeps {
  readonly queue: Queue;
  readonly sync: Sync;
  readonly gates: Gates;
  readonly emergency: EmergencyStop;
  readonly store: TaskStore;
  readonly wakes: Wakes;
  readonly limits: SpecLimits;
  /** Of a shard. */
  readonly order: Order;
  readonly door: Door;
  /** Absent: nothing is cached. */
  readonly cache?: TaskCache | undefined;
  readonly conversations: ConversationHandlers;
  readonly schedules: ScheduleHandlers;
  readonly clock: Pick<RedisClock, "now">;
}

/** QueueService: messages in, messages out; the rules are in domain/. */
export function queueHandlers({
  queue,
  sync,
  gates,
  emergency,
  store,
  wakes,
  limits,
  order,
  door,
  cache,
  conversations,
  schedules,
  clock,
}: HandlerDeps): Handlers<QueueServiceService> {
  const learn = createRunLearner(store, () => performance.now());
  const watchStatus = createStatusFeed(() => readStatus(store, limits));

  return {
    async enqueue(request) {
      return { task: toTaskMessage(await door.enqueue(request)) };
    },
    enqueueBatch: (request) => enqueueBatch(door, request),
    ...conversations.methods,
    ...schedules,
    ...questionHandlers({ queue, store, order, limits, conversations }),
    ...filterHandlers({ store, queue }),

    async sync(request, context) {
      const answer = await sync(readSync(request, context), context.signal);
      return {
        leases: await deliver(answer.grants, { queue, conversations }),
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
      const turn = await conversations.ofResult(request);
      const { result, bytes } = readResult(request, turn?.conversationId ?? "");
      const task = await queue.complete(request.taskId, Number(request.fence), bytes, resultFacts(result));
      await turn?.done();
      if (task.cacheKey !== undefined) cache?.keep(task.cacheKey, result);
      learn(task, result);
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
      const id = door.newId(request.agentId);
      const accept = () => door.enqueue(request, id);
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

    getStatus: () => readStatus(store, limits),

    async *watchQueue(_request, { signal }) {
      for await (const status of watchStatus(signal)) yield { status };
    },
  };
}
