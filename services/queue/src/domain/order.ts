import type { PriorityClass } from "./task.js";

/** The rule by which classes and agents share an engine; see docs/queue.md, Order and Fairness. */
export interface Order {
  /** Urgent tasks of one engine that may run by overtaking. Above it urgent takes turns like the others; 0: no bound. */
  readonly urgentMax: number;
  readonly weights: Readonly<Record<PriorityClass, number>>;
  /** Tasks of one agent that may run at once; 0: no bound. */
  readonly agentMaxRunning: number;
  /** How agents share a class; 1 for those not named. */
  readonly agentWeights: Readonly<Record<string, number>>;
}

/** Within what time a class's task is meant to start; its weight has doubled then. Urgent matters only above its bound. */
export const START_TARGET_MS: Readonly<Record<PriorityClass, number>> = {
  urgent: 5_000,
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
