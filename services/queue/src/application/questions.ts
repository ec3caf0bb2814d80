import type { TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import type { Conversations } from "../conversations/conversations.js";
import { type Blocker, blockersOf } from "../domain/explain/blockers.js";
import { type Estimate, estimateRun, estimateStart } from "../domain/explain/estimate.js";
import { learnRunTimes } from "../domain/explain/run-times.js";
import type { Situation, Waiting } from "../domain/explain/situation.js";
import type { SituationStore } from "../domain/explain/situation-store.js";
import { acceptSpec, conditionsOf, type SpecLimits } from "../domain/intake/validate.js";
import type { Queue } from "../domain/lifecycle/queue.js";
import type { Order } from "../domain/order/order.js";
import type { Caller } from "../domain/task/caller.js";
import type { Clock } from "../domain/task/clock.js";
import { labelName } from "../domain/task/labels.js";
import { isEnded, isHeld, type Task } from "../domain/task/task.js";
import { classOf } from "../messages/words.js";
import type { Policies } from "./policies.js";

interface QuestionDeps {
  readonly queue: Pick<Queue, "findFor">;
  readonly store: SituationStore & Clock;
  /** The order in force. It can change. */
  readonly order: () => Order;
  readonly limits: SpecLimits;
  readonly conversations: Pick<Conversations, "follow">;
  /** Absent: no task is refused for what executors forbid. */
  readonly policies?: Policies | undefined;
}

/** Why a task does not start, and when it may start. */
export interface Why {
  readonly aheadInClass: number;
  readonly aheadOfAgent: number;
  readonly blockers: readonly Blocker[];
  /** The task does not start before this time (ms since 1970). Undefined when no blocker has a known end. */
  readonly earliestMs: number | undefined;
  readonly start: Estimate | undefined;
}

export type Questions = ReturnType<typeof createQuestions>;

/** Questions about when a task starts. They change nothing. */
export function createQuestions({ queue, store, order, limits, conversations, policies }: QuestionDeps) {
  const situationOf = async (task: Waiting): Promise<Situation> => {
    const [here, around] = await Promise.all([store.standing(task), store.surroundings(task)]);
    return { here, around };
  };
  const startOf = (task: Waiting, situation: Situation, blockers: readonly Blocker[]): Estimate | undefined =>
    estimateStart(task, situation, { order: order(), blockers, runs: learnRunTimes(situation.around.runs) });

  return {
    /** `why` is absent when the task is held or has ended. Throws TASK_NOT_FOUND. */
    async explain(taskId: string, caller: Caller): Promise<{ readonly task: Task; readonly why?: Why }> {
      const task = await queue.findFor(taskId, caller);
      if (isHeld(task.state) || isEnded(task.state)) return { task };
      const situation = await situationOf(task);
      const { here, around } = situation;
      const blockers = blockersOf(task, situation, order());
      const times = blockers.flatMap(({ untilMs }) => untilMs ?? []);
      const why = {
        aheadInClass: around.aheadInClass,
        aheadOfAgent: here.aheadOfAgent,
        blockers,
        earliestMs: times.length === 0 ? undefined : Math.max(...times),
        start: startOf(task, situation, blockers),
      };
      return { task, why };
    },

    /**
     * When a task would start that is submitted now, and how long it would run. Throws INVALID_FIELD, ENGINE_UNKNOWN
     * and CONVERSATION_NOT_FOUND.
     */
    async estimate(agentId: string, spec: TaskSpec | undefined) {
      // The estimate does not depend on the prompt, so a request may leave it out.
      const asked = spec && { ...spec, prompt: spec.prompt || "-" };
      const accepted = acceptSpec({ agentId, requestId: "", spec: asked }, limits);
      const judging = policies?.judge([accepted]);
      const refusal = judging && (await judging)(accepted);
      if (refusal) throw refusal;
      const { engine, conversation, labels, affinity, model } = accepted;
      const followed = conversation && (await conversations.follow(agentId, engine, conversation));
      const created = await store.now("");
      const start = accepted.startTime?.getTime() ?? created;
      const task: Waiting = {
        // This id sorts after every existing id.
        id: "~",
        agent: agentId,
        engine,
        class: classOf(accepted.priority) ?? "normal",
        created,
        ...(start > created ? { state: "SCHEDULED", since: start, ready: start } : { state: "QUEUED" }),
        labels: Object.entries(labels).map(([key, value]) => labelName(key, value)),
        ...(model !== "" && { model: labelName(model) }),
        ...conditionsOf(accepted),
        ...(affinity ? undefined : followed?.conditions),
      };
      const situation = await situationOf(task);
      const blockers = blockersOf(task, situation, order());
      const runs = learnRunTimes(situation.around.runs, model);
      return {
        start: startOf(task, situation, blockers),
        runTime: runs && estimateRun(runs),
        blockers,
      };
    },
  };
}
