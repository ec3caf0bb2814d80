import type { PriorityClass } from "../task/task.js";

/** The rule by which classes and agents share an engine; see docs/queue.md, Order and Fairness. */
export interface Order {
  /** Urgent tasks of one engine that may run by overtaking. Above it urgent takes turns like the others; 0: no bound. */
  readonly urgentMax: number;
  readonly weights: Readonly<Record<PriorityClass, number>>;
  /** Tasks of one agent that may run at once; 0: no bound. */
  readonly agentMaxRunning: number;
  /** How agents share a class; 1 for those not named. */
  readonly agentWeights: Readonly<Record<string, number>>;
  /** Tasks with a label, or with one value of a label's key, that may run at once, by `labelName` or its part before "=". */
  readonly labelMaxRunning: Readonly<Record<string, number>>;
  /** Runs and tokens that may start in a minute, by name; `*` is for those not named. */
  readonly engineRates: Readonly<Record<string, Rate>>;
  readonly agentRates: Readonly<Record<string, Rate>>;
}

/** 0: any number. */
export type Rate = readonly [requests: number, tokens: number];

/** What is set for a name. Agents and labels choose theirs, so it may be one that every object has, such as `constructor`. */
export const setFor = <T>(settings: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(settings, name) ? settings[name] : undefined;

/** The bound of running tasks with this label, or undefined. */
export const labelCap = ({ labelMaxRunning }: Order, label: string): number | undefined =>
  setFor(labelMaxRunning, label) ?? setFor(labelMaxRunning, label.slice(0, label.indexOf("=")));

/** A shard's share of what all runs have together. An agent is in one shard, so its own bounds are not shared out. */
export function orderOfShard(order: Order, shards: number): Order {
  const share = (bound: number): number => Math.ceil(bound / shards);
  const shared = <T, R>(named: Readonly<Record<string, T>>, of: (value: T) => R) =>
    Object.fromEntries(Object.entries(named).map(([name, value]) => [name, of(value)]));
  return {
    ...order,
    urgentMax: share(order.urgentMax),
    labelMaxRunning: shared(order.labelMaxRunning, share),
    engineRates: shared(order.engineRates, ([requests, tokens]) => [requests / shards, tokens / shards] as const),
  };
}

/**
 * Within what time a class's task is meant to start: the installation's objective, and the time after which its weight has doubled.
 * Urgent, which is to start at once, is given a second: what a wake-up and a Sync may take on a busy machine.
 */
export const START_TARGET_MS: Readonly<Record<PriorityClass, number>> = {
  urgent: 1_000,
  high: 5_000,
  normal: 30_000,
  low: 300_000,
};

/** Age multiplies a weight by at most this, so that a class which is hours late still leaves the others their turns. */
export const MOST_AGEING = 10;

/** Of high, normal and low. Urgent above its bound weighs what high does. */
export function classWeights(high: number, normal: number, low: number): Order["weights"] {
  return { urgent: high, high, normal, low };
}
