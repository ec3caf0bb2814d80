import { MOST_AGEING, type Order, START_TARGET_MS } from "../order/order.js";
import { CLASSES, type PriorityClass } from "../task/task.js";

/** What a claim knows of the classes of an engine in one shard. */
export interface ClassSituation {
  readonly nowMs: number;
  /** Urgent tasks of the engine that run. */
  readonly urgentRunning: number;
  /** Credit in the round robin between classes. */
  readonly credit: Readonly<Record<PriorityClass, number>>;
  /** When the oldest waiting task of each class was accepted. */
  readonly oldestMs: Readonly<Record<PriorityClass, number>>;
}

/** One start. `overtakes`: an urgent task that takes no turn. */
interface Pick {
  readonly class: PriorityClass;
  readonly overtakes: boolean;
}

/**
 * Returns what picks the next class each time, by the rules of claim_tasks.lua, as long as a task waits. It takes 1 from
 * `waiting` of that class. The lateness of the classes does not change.
 */
export function classPicks(
  { nowMs, urgentRunning, credit: saved, oldestMs }: ClassSituation,
  waiting: Record<PriorityClass, number>,
  order: Order,
): () => Pick {
  const lateness = (each: PriorityClass): number =>
    Math.min(1 + Math.max(0, nowMs - oldestMs[each]) / START_TARGET_MS[each], MOST_AGEING);
  const weights = mapClasses((each) => order.weights[each] * lateness(each));
  const credit = { ...saved };
  let room = (order.urgentMax === 0 ? Number.POSITIVE_INFINITY : order.urgentMax) - urgentRunning;
  return () => {
    if (waiting.urgent > 0 && room > 0) {
      room -= 1;
      waiting.urgent -= 1;
      return { class: "urgent", overtakes: true };
    }
    const present = CLASSES.filter((each) => waiting[each] > 0);
    const sum = present.reduce((total, each) => total + weights[each], 0);
    for (const each of CLASSES) credit[each] = waiting[each] > 0 ? credit[each] + weights[each] / sum : 0;
    const best = present.reduce((most, each) => (credit[each] > credit[most] ? each : most));
    credit[best] -= 1;
    waiting[best] -= 1;
    return { class: best, overtakes: false };
  };
}

export function mapClasses<T>(value: (priority: PriorityClass) => T): Record<PriorityClass, T> {
  return { urgent: value("urgent"), high: value("high"), normal: value("normal"), low: value("low") };
}
