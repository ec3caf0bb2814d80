import type { PriorityClass } from "./task.js";

/** The rule by which classes share an engine; see docs/queue.md, Order. */
export interface ClassOrder {
  /** Urgent tasks of one engine that may run by overtaking. Above it urgent takes turns like the others; 0: no bound. */
  readonly urgentMax: number;
  readonly weights: Readonly<Record<PriorityClass, number>>;
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

/** Urgent above its bound weighs what high does. */
export function classOrder(urgentMax: number, [high, normal, low]: readonly [number, number, number]): ClassOrder {
  return { urgentMax, weights: { urgent: high, high, normal, low } };
}
