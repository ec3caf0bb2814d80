import { type Order, setFor } from "../order/order.js";
import { CLASSES, type PriorityClass } from "../task/task.js";
import { classPicks, mapClasses } from "./class-picks.js";
import type { AgentTurn } from "./situation.js";

/** What the claims of an engine choose from in one shard. */
export interface LineUp {
  readonly nowMs: number;
  /** Average tokens of a run of the engine. */
  readonly cost: number;
  readonly urgentRunning: number;
  readonly classes: Readonly<Record<PriorityClass, ClassLine>>;
}

interface ClassLine {
  readonly credit: number;
  readonly oldestMs: number | undefined;
  /** Agents by virtual time, the next one first. When there are very many, only the first ones. */
  readonly turns: readonly AgentTurn[];
}

/** A place in the waiting line of an agent: the oldest task has the index 0. */
export interface Place {
  readonly class: PriorityClass;
  readonly agent: string;
  readonly index: number;
}

/**
 * The first `most` tasks of an engine in the order in which they start, over all shards. It assumes what `tasksBefore`
 * assumes. Shards with work get equal turns, after the urgent tasks that may overtake. Which of them has the first turn
 * is not known.
 */
export function startOrder(shards: readonly LineUp[], order: Order, most: number): readonly Place[] {
  const starts = shards.flatMap((lineUp) =>
    orderInShard(lineUp, order, most).map((start, turn) => ({ ...start, turn })),
  );
  const byTurn = starts.toSorted((a, b) => Number(b.overtakes) - Number(a.overtakes) || a.turn - b.turn);
  return byTurn.slice(0, most).map(({ class: priority, agent, index }) => ({ class: priority, agent, index }));
}

interface Start extends Place {
  readonly overtakes: boolean;
}

function orderInShard({ classes, cost, ...situation }: LineUp, order: Order, most: number): readonly Start[] {
  const agents = mapClasses((each) => classes[each].turns.map((turn) => ({ ...turn, next: 0 })));
  const waiting = mapClasses((each) => agents[each].reduce((sum, turn) => sum + turn.waiting, 0));
  const credit = mapClasses((each) => classes[each].credit);
  const oldestMs = mapClasses((each) => classes[each].oldestMs ?? situation.nowMs);
  const pick = classPicks({ ...situation, credit, oldestMs }, waiting, order);
  const count = Math.min(
    most,
    CLASSES.reduce((sum, each) => sum + waiting[each], 0),
  );
  return Array.from({ length: count }, () => {
    const { class: priority, overtakes } = pick();
    const agent = agents[priority]
      .filter((each) => each.next < each.waiting)
      .reduce((first, each) => (isBefore(each, first) ? each : first));
    const start = { class: priority, agent: agent.agent, index: agent.next, overtakes };
    agent.next += 1;
    agent.time += cost / (setFor(order.agentWeights, agent.agent) ?? 1);
    return start;
  });
}

const isBefore = (a: Pick<AgentTurn, "time" | "agent">, b: Pick<AgentTurn, "time" | "agent">): boolean =>
  a.time < b.time || (a.time === b.time && a.agent < b.agent);
