import type { Handlers } from "@ccsp/grpc-kit";
import {
  BlockerKind,
  type Blocker as BlockerMessage,
  ExplainTaskResponse,
  type QueueServiceService,
  type StartEstimate,
} from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { Conversations } from "../conversations/conversations.js";
import { type Blocker, blockersOf } from "../domain/explain/blockers.js";
import { type Estimate, estimateRun, estimateStart } from "../domain/explain/estimate.js";
import { learnRunTimes } from "../domain/explain/run-times.js";
import type { Situation, Waiting } from "../domain/explain/situation.js";
import type { SituationStore } from "../domain/explain/situation-store.js";
import { labelName } from "../domain/gates/gates.js";
import { acceptTask, type SpecLimits } from "../domain/intake/validate.js";
import type { Queue } from "../domain/lifecycle/queue.js";
import type { Order } from "../domain/order/order.js";
import type { Clock } from "../domain/task/clock.js";
import { isEnded, isHeld } from "../domain/task/task.js";
import { toDuration } from "../messages/duration.js";
import { toState } from "../messages/words.js";

export interface QuestionDeps {
  readonly queue: Pick<Queue, "findFor">;
  readonly store: SituationStore & Clock;
  readonly order: Order;
  readonly limits: SpecLimits;
  readonly conversations: Pick<Conversations, "follow">;
}

/** What can be asked about when a task starts. Changes nothing. */
export function questionHandlers({
  queue,
  store,
  order,
  limits,
  conversations,
}: QuestionDeps): Pick<Handlers<QueueServiceService>, "explainTask" | "estimateTask"> {
  const situationOf = async (task: Waiting): Promise<Situation> => {
    const [here, around] = await Promise.all([store.standing(task), store.surroundings(task)]);
    return { here, around };
  };
  const startOf = (task: Waiting, situation: Situation, blockers: readonly Blocker[]): StartEstimate | undefined => {
    const runs = learnRunTimes(situation.around.runs);
    return toEstimateMessage(estimateStart(task, situation, { order, blockers, runs }));
  };

  return {
    async explainTask({ taskId, agentId }) {
      const task = await queue.findFor(taskId, agentId);
      const state = toState(task.state);
      if (isHeld(task.state) || isEnded(task.state)) return { ...NOTHING, state };
      const situation = await situationOf(task);
      const { here, around } = situation;
      const blockers = blockersOf(task, situation, order);
      const times = blockers.flatMap(({ untilMs }) => untilMs ?? []);
      return {
        ...{ ...NOTHING, state },
        aheadInClass: BigInt(around.aheadInClass),
        aheadOfAgent: BigInt(here.aheadOfAgent),
        blockers: blockers.map(toBlockerMessage),
        earliestStartTime: times.length === 0 ? undefined : new Date(Math.max(...times)),
        estimate: startOf(task, situation, blockers),
      };
    },

    async estimateTask({ agentId, spec }) {
      // What the prompt will say changes nothing here.
      const asked = spec && { ...spec, prompt: spec.prompt || "-" };
      const accepted = acceptTask({ agentId, requestId: "", spec: asked }, limits);
      const { engine, conversation, labels, affinity, model } = { ...accepted.spec, engine: accepted.engine };
      const followed = conversation && (await conversations.follow(agentId, engine, conversation));
      const created = await store.now("");
      const { start = created, conditions } = accepted;
      const task: Waiting = {
        // After every task that there is.
        ...{ id: "~", agent: agentId, engine, class: accepted.class, created },
        ...(start > created ? { state: "SCHEDULED", since: start, ready: start } : { state: "QUEUED" }),
        labels: Object.entries(labels).map(([key, value]) => labelName(key, value)),
        ...{ ...conditions, ...(affinity ? undefined : followed) },
      };
      const situation = await situationOf(task);
      const blockers = blockersOf(task, situation, order);
      const runs = learnRunTimes(situation.around.runs, model);
      return {
        start: startOf(task, situation, blockers),
        runTime: runs && toEstimateMessage(estimateRun(runs)),
        blockers: blockers.map(toBlockerMessage),
      };
    },
  };
}

const NOTHING = ExplainTaskResponse.fromPartial({});

function toEstimateMessage(estimate: Estimate | undefined): StartEstimate | undefined {
  if (estimate === undefined) return undefined;
  const { p50Ms, p90Ms, p95Ms } = estimate;
  return { p50: toDuration(p50Ms), p90: toDuration(p90Ms), p95: toDuration(p95Ms) };
}

const toBlockerMessage = ({ kind, message, untilMs }: Blocker): BlockerMessage => ({
  ...{ kind: BlockerKind[kind], message },
  until: untilMs === undefined ? undefined : new Date(untilMs),
});
