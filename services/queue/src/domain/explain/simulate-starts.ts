import { countUpTo, type RunTimes } from "./run-times.js";

/** Slots. Each runs one task after the other. */
export interface Slots {
  /** For each busy slot, how long its run has been running. */
  readonly busyMs: readonly number[];
  readonly free: number;
}

const DRAWS = 41;
/** Ends of runs that are simulated one by one. Later ends come at the average rate. */
const MOST_SIMULATED = 500;

/**
 * Simulates how long it takes until a task with `before` tasks before it can start (ms), in several futures. Returns
 * the times, the shortest first. This is the bootstrap (B. Efron, "Bootstrap Methods: Another Look at the Jackknife",
 * The Annals of Statistics 7, 1979) of a queue with several servers. Each run takes as long as one of the past runs. A
 * run that is under way takes as long as a past run that took longer than it has taken so far. The futures are the same
 * in each call, and the n-th run takes equally long for any number of slots. So more slots, or fewer tasks before,
 * never make the start later.
 */
export function simulateStarts(before: number, { busyMs, free }: Slots, runs: RunTimes): readonly number[] {
  const simulated = Math.min(before, MOST_SIMULATED);
  const rest = ((before - simulated) * runs.meanMs) / (busyMs.length + free);
  return Array.from({ length: DRAWS }, (_, draw) => {
    const ends = [
      ...Array.from({ length: free }, () => 0),
      ...busyMs.map((ms, slot) => Math.max(0, runs.quantileMs(uniform(draw, -1 - slot), ms) - ms)),
    ].toSorted((a, b) => a - b);
    for (let run = 0; run < simulated; run++) {
      const end = (ends.shift() ?? 0) + runs.quantileMs(uniform(draw, run));
      ends.splice(countUpTo(ends, end), 0, end);
    }
    return (ends[0] ?? 0) + rest;
  }).toSorted((a, b) => a - b);
}

/** A number in (0, 1], always the same for the same two numbers. It uses the mixer of splitmix32. */
function uniform(draw: number, index: number): number {
  let mixed = Math.imul(draw + 1, 0x9e3779b9) + Math.imul(index, 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
  return (((mixed ^ (mixed >>> 15)) >>> 0) + 1) / 2 ** 32;
}
