import type { Handlers } from "@ccsp/grpc-kit";
import {
  BlockerKind,
  type Blocker as BlockerMessage,
  ExplainTaskResponse,
  type QueueServiceService,
} from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { type Blocker, blockersOf } from "../domain/blockers.js";
import type { Order } from "../domain/order.js";
import type { Queue } from "../domain/queue.js";
import type { Situation, SituationStore, Waiting } from "../domain/situation.js";
import { isEnded, isHeld } from "../domain/task.js";
import { toState } from "../messages/words.js";

export interface QuestionDeps {
  readonly queue: Pick<Queue, "findFor">;
  readonly store: SituationStore;
  readonly order: Order;
}

/** What can be asked about when a task starts. Changes nothing. */
export function questionHandlers({
  queue,
  store,
  order,
}: QuestionDeps): Pick<Handlers<QueueServiceService>, "explainTask"> {
  const situationOf = async (task: Waiting): Promise<Situation> => {
    const [here, around] = await Promise.all([store.standing(task), store.surroundings(task)]);
    return { here, around };
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
      };
    },
  };
}

const NOTHING = ExplainTaskResponse.fromPartial({});

const toBlockerMessage = ({ kind, message, untilMs }: Blocker): BlockerMessage => ({
  ...{ kind: BlockerKind[kind], message },
  until: untilMs === undefined ? undefined : new Date(untilMs),
});
