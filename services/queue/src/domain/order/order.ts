import type { PriorityClass } from "../task/task.js";

/** The rules by which classes and agents share an engine: see docs/queue.md, Order and Fairness. */
export interface Order {
  /**
   * Urgent tasks overtake only while fewer than this run on the engine. Then urgent takes turns like other classes. 0:
   * no bound.
   */
  readonly urgentMax: number;
  readonly weights: Readonly<Record<PriorityClass, number>>;
  /** How many tasks of one agent may run at the same time. 0: no bound. */
  readonly agentMaxRunning: number;
  /** The weights by which agents share a class. Agents that are not named have 1. */
  readonly agentWeights: Readonly<Record<string, number>>;
  /**
   * How many tasks with a label may run at the same time. A key is a `labelName`, or its part before "=", which bounds
   * each value of that label key.
   */
  readonly labelMaxRunning: Readonly<Record<string, number>>;
  /** How many runs and tokens may start in a minute, by name. `*` is for those that are not named. */
  readonly engineRates: Readonly<Record<string, Rate>>;
  /** The names are `engine/account`. */
  readonly accountRates: Readonly<Record<string, Rate>>;
  readonly agentRates: Readonly<Record<string, Rate>>;
}

/** 0: no bound. */
export type Rate = readonly [requests: number, tokens: number];

/**
 * The setting of a name. Callers choose names of agents and labels, so a name may be one that every object has, like
 * `constructor`.
 */
export const setFor = <T>(settings: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(settings, name) ? settings[name] : undefined;

/** The bound on running tasks with this label. Undefined: there is none. */
export const labelCap = ({ labelMaxRunning }: Order, label: string): number | undefined =>
  setFor(labelMaxRunning, label) ?? setFor(labelMaxRunning, label.slice(0, label.indexOf("=")));

/**
 * The order with a shard's share of all common bounds. An agent is in one shard only, so bounds on an agent are not
 * divided.
 */
export function orderOfShard(order: Order, shards: number): Order {
  const share = (bound: number): number => Math.ceil(bound / shards);
  const shareOfRate = ([requests, tokens]: Rate): Rate => [requests / shards, tokens / shards];
  const shared = <T, R>(named: Readonly<Record<string, T>>, of: (value: T) => R) =>
    Object.fromEntries(Object.entries(named).map(([name, value]) => [name, of(value)]));
  return {
    ...order,
    urgentMax: share(order.urgentMax),
    labelMaxRunning: shared(order.labelMaxRunning, share),
    engineRates: shared(order.engineRates, shareOfRate),
    accountRates: shared(order.accountRates, shareOfRate),
  };
}

/**
 * The time within which a task of a class should start: the objective of the installation. After this time, the weight
 * of the class has doubled. Urgent tasks should start at once, and have a second: a wake-up and a Sync may take this
 * long on a busy machine.
 */
export const START_TARGET_MS: Readonly<Record<PriorityClass, number>> = {
  urgent: 1_000,
  high: 5_000,
  normal: 30_000,
  low: 300_000,
};

/** Age multiplies a weight by at most this. So a class that is hours late still leaves turns to the others. */
export const MOST_AGEING = 10;

/** The weights of the classes. Urgent, when it is above its bound, has the weight of high. */
export function classWeights(high: number, normal: number, low: number): Order["weights"] {
  return { urgent: high, high, normal, low };
}
