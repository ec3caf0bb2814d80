import type { Handlers } from "@ccsp/grpc-kit";
import { ExplainTaskResponse } from "@ccsp/protos/ccsp/queue/v1/explanation.js";
import type { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import {
  BlockerKind,
  type Blocker as BlockerMessage,
  type StartEstimate,
} from "@ccsp/protos/ccsp/task/v1/explanation.js";
import { toDuration } from "@ccsp/protos/duration.js";
import type { ListWaiting } from "../application/list-waiting.js";
import type { Questions } from "../application/questions.js";
import type { Blocker } from "../domain/explain/blockers.js";
import type { Estimate } from "../domain/explain/estimate.js";
import { toTaskMessage } from "../messages/task-message.js";
import { toState } from "../messages/words.js";
import { callerOf } from "./caller.js";

/** The RPCs that answer when and why a task starts. */
export function questionHandlers(
  questions: Questions,
): Pick<Handlers<QueueServiceService>, "explainTask" | "estimateTask"> {
  return {
    async explainTask({ taskId, agentId }, context) {
      const { task, why } = await questions.explain(taskId, callerOf(context, agentId));
      const state = toState(task.state);
      if (why === undefined) return { ...NOTHING, state };
      const { aheadInClass, aheadOfAgent, blockers, earliestMs, start } = why;
      return {
        ...NOTHING,
        state,
        aheadInClass: BigInt(aheadInClass),
        aheadOfAgent: BigInt(aheadOfAgent),
        blockers: blockers.map(toBlockerMessage),
        earliestStartTime: earliestMs === undefined ? undefined : new Date(earliestMs),
        estimate: toEstimateMessage(start),
      };
    },

    async estimateTask({ agentId, spec }) {
      const { start, runTime, blockers } = await questions.estimate(agentId, spec);
      return {
        start: toEstimateMessage(start),
        runTime: toEstimateMessage(runTime),
        blockers: blockers.map(toBlockerMessage),
      };
    },
  };
}

/** The RPC that answers in which order tasks start. */
export const waitingHandlers = (listWaiting: ListWaiting): Pick<Handlers<QueueServiceService>, "listWaiting"> => ({
  async listWaiting(request) {
    const { tasks, nextPageToken } = await listWaiting(request);
    return {
      tasks: tasks.map(({ task, promptStart, position }) => ({
        task: toTaskMessage({ task, promptStart, prompts: undefined, result: undefined }),
        position: BigInt(position ?? 0),
      })),
      nextPageToken,
    };
  },
});

const NOTHING = ExplainTaskResponse.fromPartial({});

function toEstimateMessage(estimate: Estimate | undefined): StartEstimate | undefined {
  if (estimate === undefined) return undefined;
  const { p50Ms, p90Ms, p95Ms } = estimate;
  return { p50: toDuration(p50Ms), p90: toDuration(p90Ms), p95: toDuration(p95Ms) };
}

const toBlockerMessage = ({ kind, message, untilMs }: Blocker): BlockerMessage => ({
  kind: BlockerKind[kind],
  message,
  until: untilMs === undefined ? undefined : new Date(untilMs),
});
