import { countUpTo, type RunTimes } from "./run-times.js";

/** Slots at which runs go on one after the other. */
export interface Slots {
  /** How long each busy slot's run has been running. */
  readonly busyMs: readonly number[];
  readonly free: number;
}

const DRAWS = 41;
/** Ends that are played one by one; those after them come as fast as on average. */
const MOST_PLAYED = 500;

/**
 * How long until so many runs have ended that one more than `before` can start, in each of several futures, the shortest first: the bootstrap
 * (B. Efron, "Bootstrap Methods: Another Look at the Jackknife", The Annals of Statistics 7, 1979) of a queue with several servers. Each
 * run takes as long as one of those that were seen; what runs already, as one that took longer than it has so far. The futures are
 * the same ones each time, and the n-th run takes equally long however many slots there are: so more slots or fewer tasks before
 * never make it later.
 */
export function playDrains(before: number, { busyMs, free }: Slots, runs: RunTimes): readonly number[] {
  const played = Math.min(before, MOST_PLAYED);
  const rest = ((before - played) * runs.meanMs) / (busyMs.length + free);
  return Array.from({ length: DRAWS }, (_, draw) => {
    const ends = [
      ...Array.from({ length: free }, () => 0),
      ...busyMs.map((ms, slot) => Math.max(0, runs.quantileMs(uniform(draw, -1 - slot), ms) - ms)),
    ].toSorted((a, b) => a - b);
    for (let run = 0; run < played; run++) {
      const end = (ends.shift() ?? 0) + runs.quantileMs(uniform(draw, run));
      ends.splice(countUpTo(ends, end), 0, end);
    }
    return (ends[0] ?? 0) + rest;
  }).toSorted((a, b) => a - b);
}

/** Of (0, 1], always the same for the same two numbers: the mixer of splitmix32. */
function uniform(draw: number, index: number): number {
  let mixed = Math.imul(draw + 1, 0x9e3779b9) + Math.imul(index, 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
  return (((mixed ^ (mixed >>> 15)) >>> 0) + 1) / 2 ** 32;
}
