import type { QueueStatus } from "../routes.js";

/**
 * How many tasks wait for an executor. `depths` is too low if a label defers thousands. A queue of the previous release
 * says nothing else.
 */
export const inLine = ({ waiting, depths }: QueueStatus): number =>
  Math.max(
    waiting,
    depths.reduce((sum, depth) => sum + depth.waiting, 0),
  );

/** How many tasks were accepted and have no executor, also those that wait for a time. */
export const waitingIn = (status: QueueStatus): number => inLine(status) + status.parked + status.scheduled;
