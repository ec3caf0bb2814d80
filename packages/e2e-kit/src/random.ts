import { createHash } from "node:crypto";

/** A stream of random choices. The same seed gives the same choices. */
export interface Random {
  /** Returns a number from 0 up to 1, without 1. */
  next(): number;
  /** Returns a whole number from `low` to `high`, including both. */
  between(low: number, high: number): number;
  /** Returns true with this probability. */
  chance(probability: number): boolean;
  pick<T>(from: readonly T[]): T;
  /** Returns one of them, with a probability in proportion to its weight. */
  weighted<T extends { readonly weight: number }>(from: readonly T[]): T;
}

/** The Mulberry32 generator. It is small, and uniform enough to choose faults. */
export function createRandom(seed: string): Random {
  let state = createHash("sha256").update(seed).digest().readUInt32LE(0);
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const pick = <T>(from: readonly T[]): T => {
    const picked = from[Math.floor(next() * from.length)];
    if (picked === undefined) throw new Error("nothing to pick from");
    return picked;
  };
  return {
    next,
    pick,
    between: (low, high) => low + Math.floor(next() * (high - low + 1)),
    chance: (probability) => next() < probability,
    weighted<T extends { readonly weight: number }>(from: readonly T[]): T {
      let left = next() * from.reduce((sum, { weight }) => sum + weight, 0);
      return from.find(({ weight }) => (left -= weight) < 0) ?? pick(from);
    },
  };
}
