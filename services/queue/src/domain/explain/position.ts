import { type Order, setFor } from "../order/order.js";
import { CLASSES } from "../task/task.js";
import { classPicks, mapClasses } from "./class-picks.js";
import type { Situation, Standing, Waiting } from "./situation.js";

/** Picks that are simulated one by one. Later picks continue in the same proportion. */
const MOST_SIMULATED = 10_000;

/**
 * How many waiting tasks of the same engine are leased before this task. It simulates the rules of claim_tasks.lua with
 * the tasks that wait now. It assumes that all of them may start, that no task comes later, that each run costs its
 * agent the average, and that the lateness of the classes does not change.
 */
export function tasksBefore(task: Waiting, { here, around }: Situation, order: Order): number {
  if (task.pin !== undefined) return 0;
  const before = picksBefore(task, agentsBefore(task, here, order), here, order);
  // Shards with work get equal turns, after the urgent tasks that may overtake. Each replica decides by itself which
  // shard is next. So each other shard has half a turn more on average.
  const elsewhere = around.elsewhere.reduce((sum, { urgent, others }) => {
    if (task.class === "urgent") return sum + Math.min(urgent, before + 0.5);
    const overtake = Math.min(urgent, order.urgentMax || urgent);
    return sum + overtake + Math.min(urgent + others - overtake, before + 0.5);
  }, 0);
  return before + Math.round(elsewhere);
}

/**
 * How many tasks of its class come before it: the older ones of its agent, and those of other agents that have their
 * turn first.
 */
function agentsBefore({ agent }: Waiting, { turns, turnTime, aheadOfAgent, cost }: Standing, order: Order): number {
  const charge = (name: string): number => cost / (setFor(order.agentWeights, name) ?? 1);
  const time = turnTime + aheadOfAgent * charge(agent);
  return turns.reduce((sum, other) => {
    if (other.agent === agent || other.time > time) return sum;
    const turnsUntil = (time - other.time) / charge(other.agent);
    const tied = Number.isInteger(turnsUntil) && other.agent > agent ? 0 : 1;
    return sum + Math.min(other.waiting, Math.floor(turnsUntil) + tied);
  }, aheadOfAgent);
}

/** How many tasks of all classes come before it, when `before` tasks of its own class do. */
function picksBefore(task: Waiting, before: number, { nowMs, classes, running }: Standing, order: Order): number {
  const oldestMs = mapClasses((each) => classes[each].oldestMs ?? task.since ?? task.created);
  const credit = mapClasses((each) => classes[each].credit);
  const waiting = { ...mapClasses((each) => classes[each].waiting), [task.class]: before + 1 };
  const urgentRunning = running.get(`urgent/${task.engine}`) ?? 0;
  const pick = classPicks({ nowMs, urgentRunning, credit, oldestMs }, waiting, order);
  for (let picks = 0; picks < MOST_SIMULATED; picks += 1) {
    pick();
    if (waiting[task.class] === 0) return picks;
  }
  const own = before + 1 - waiting[task.class];
  const all = CLASSES.reduce((sum, each) => sum + (each === task.class ? 0 : classes[each].waiting), before);
  return own === 0 ? all : Math.min(all, Math.round((MOST_SIMULATED * (before + 1)) / own));
}
