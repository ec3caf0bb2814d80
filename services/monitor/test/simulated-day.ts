import { type Slowed, type StartRange, step } from "../src/adaptation/domain/controller.js";

/** A day of work against a limit that turns every few hours. Everything is per minute. */
export interface SimulatedDay {
  /** Tasks that arrive in each minute. */
  readonly arrivals: readonly number[];
  /** Tasks that the limit allows until it turns. */
  readonly limit: number;
  readonly turnsEvery: number;
  /** Most tasks that the executors can start in a minute. */
  readonly capacity: number;
}

/** How starts are held back: by the controller, or by a rate that never changes. */
export type Policy = { readonly kind: "adaptive" } | { readonly kind: "fixed"; readonly rate: number };

export interface SimulatedResult {
  /** Tasks that were done. */
  readonly done: number;
  /** Starts that the provider refused, because the limit was reached. */
  readonly refused: number;
  /** Minutes in which the limit was reached, so that nothing could run. */
  readonly shut: number;
  /** The average wait of a done task. */
  readonly meanWait: number;
  /** For each minute, the rate that was allowed. Infinity: no bound. */
  readonly rates: readonly number[];
}

const MINUTE_MS = 60_000;
/** The monitor's usage is known this much later, and a rate is seen as its average over this time. */
const LAG = 2;
const AVERAGED = 10;
const RANGE: StartRange = { min: 0.01, max: Number.POSITIVE_INFINITY };

/**
 * Plays a day minute by minute. The forecast is the usage of the last minutes, continued to the end of the hour or to
 * the turn of the limit: the simplest model that the monitor serves, with the lag of its events.
 */
export function simulate({ arrivals, limit, turnsEvery, capacity }: SimulatedDay, policy: Policy): SimulatedResult {
  const waiting: { readonly since: number; count: number }[] = [];
  const starts: number[] = [];
  const rates: number[] = [];
  let [used, done, refused, shut, waited, credit] = [0, 0, 0, 0, 0, 0];
  let slowed: Slowed | undefined;

  for (const [minute, arrived] of arrivals.entries()) {
    if (minute % turnsEvery === 0) used = 0;
    if (arrived > 0) waiting.push({ since: minute, count: arrived });
    if (policy.kind === "adaptive") {
      const seen = starts.slice(Math.max(0, minute - LAG - AVERAGED), Math.max(0, minute - LAG));
      const startsPerMinute = seen.reduce((sum, each) => sum + each, 0) / AVERAGED;
      const ahead = Math.min(60, turnsEvery - (minute % turnsEvery));
      const usedShare = used / limit;
      const predictedShare = usedShare + (startsPerMinute * ahead) / limit;
      const pressure = { subject: "account/e/a", scope: "the window", usedShare, predictedShare, startsPerMinute };
      slowed = step(slowed, pressure, { nowMs: minute * MINUTE_MS, range: RANGE }).state;
    }
    const rate =
      policy.kind === "fixed"
        ? policy.rate
        : slowed?.closedAt !== undefined
          ? 0
          : (slowed?.rate ?? Number.POSITIVE_INFINITY);
    rates.push(rate);

    // A token bucket of one minute, as the queue has it. What is left of a start is kept: a minute has no fractions here.
    credit = Math.min(rate + 1, credit + rate);
    const present = waiting.reduce((sum, { count }) => sum + count, 0);
    const wanted = rate === 0 ? 0 : Math.min(present, capacity, Math.floor(credit + 1e-9));
    const allowed = Math.max(0, Math.min(wanted, limit - used));
    if (wanted > allowed) {
      // The provider refuses the first one, and the queue closes the gate until the limit turns.
      refused += 1;
      shut += 1;
    }
    if (Number.isFinite(rate)) credit -= allowed;
    used += allowed;
    done += allowed;
    starts.push(allowed);
    for (let left = allowed; left > 0; ) {
      const first = waiting[0];
      if (first === undefined) break;
      const taken = Math.min(left, first.count);
      waited += taken * (minute - first.since);
      first.count -= taken;
      left -= taken;
      if (first.count === 0) waiting.shift();
    }
  }
  return { done, refused, shut, meanWait: waited / Math.max(1, done), rates };
}

/** How often a series turns from rising to falling or back. */
export function directionChanges(series: readonly number[]): number {
  const levels = series.filter((value, i) => i === 0 || value !== series[i - 1]);
  let [changes, last] = [0, 0];
  for (let i = 1; i < levels.length; i++) {
    const direction = (levels[i] ?? 0) > (levels[i - 1] ?? 0) ? 1 : -1;
    if (last !== 0 && direction !== last) changes += 1;
    last = direction;
  }
  return changes;
}

/** A generator of numbers from 0 to 1 that always gives the same ones for a seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** A day with quiet hours and bursts of half an hour, in which the work of a window arrives. */
export function burstyDay(seed: number, { quiet = 0.3, burst = 7, bursts = 6, minutes = 1_440 } = {}): number[] {
  const random = seeded(seed);
  const starts = Array.from({ length: bursts }, () => Math.floor(random() * (minutes - 40)));
  return Array.from({ length: minutes }, (_, minute) => {
    const inBurst = starts.some((start) => minute >= start && minute < start + 40);
    return poisson(inBurst ? burst : quiet, random);
  });
}

export function poisson(mean: number, random: () => number): number {
  const least = Math.exp(-mean);
  let [count, product] = [0, random()];
  while (product > least) {
    count += 1;
    product *= random();
  }
  return count;
}
