import { type Slowed, type StartRange, step } from "../src/adaptation/domain/controller.js";
import { usageUntil } from "../src/adaptation/window-pressure.js";
import { type Forecast, forecast } from "../src/forecast/domain/forecast.js";
import { historyOf, STEP_MS, STEPS_PER_HOUR } from "../src/forecast/domain/history.js";

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

/**
 * How starts are held back: by the controller, or by a rate that never changes. `forecaster`: `served` is the one that
 * the monitor serves (the default); `last-minutes` continues the last ten minutes, which is cheap.
 */
export type Policy =
  | { readonly kind: "adaptive"; readonly forecaster?: "served" | "last-minutes" }
  | { readonly kind: "fixed"; readonly rate: number };

/** The adaptation is off. */
export const OFF: Policy = { kind: "fixed", rate: Number.POSITIVE_INFINITY };

export interface SimulatedResult {
  /** Tasks that were done. */
  readonly done: number;
  /** Minutes at the limit, in which the provider refused a start. */
  readonly refused: number;
  /** Minutes in which tasks waited and nothing could run: the limit was reached, or the controller closed the gate. */
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

/** What the monitor forecasts, from the usage of each minute that it has heard of. */
function servedForecaster() {
  const [steps, hours]: [number[], number[]] = [[], []];
  let [step, hour] = [0, 0];
  let known: Forecast | undefined;
  return {
    /** Takes the usage of the minute that has ended. */
    hear(minute: number, usage: number): void {
      step += usage;
      hour += usage;
      const endMs = (minute + 1) * MINUTE_MS;
      if (endMs % (60 * MINUTE_MS) === 0) {
        hours.push(hour);
        hour = 0;
      }
      if (endMs % STEP_MS !== 0) return;
      steps.push(step);
      step = 0;
      const made = forecast(historyOf(endMs, steps.slice(-32 * STEPS_PER_HOUR), hours.slice(-14 * 24)), STEPS_PER_HOUR);
      known = made.state === "known" ? made : undefined;
    },
    /** The usage in the next `ahead` minutes. Undefined: it is not known. */
    ahead: (minute: number, ahead: number): number | undefined =>
      known && usageUntil(known, minute * MINUTE_MS, (minute + ahead) * MINUTE_MS),
    /** Runs a minute, in the last two whole steps. */
    rate: (): number => ((steps.at(-1) ?? 0) + (steps.at(-2) ?? 0)) / ((2 * STEP_MS) / MINUTE_MS),
  };
}

/** The last ten minutes, continued. */
function lastMinutes(): ReturnType<typeof servedForecaster> {
  const heard: number[] = [];
  const rate = () => heard.slice(-AVERAGED).reduce((sum, each) => sum + each, 0) / AVERAGED;
  return { hear: (_, usage) => void heard.push(usage), ahead: (_, ahead) => rate() * ahead, rate };
}

/** Plays a day minute by minute. The monitor hears of a run when it ends, which is some minutes after its start. */
export function simulate({ arrivals, limit, turnsEvery, capacity }: SimulatedDay, policy: Policy): SimulatedResult {
  const waiting: { readonly since: number; count: number }[] = [];
  const starts: number[] = [];
  const rates: number[] = [];
  let [used, done, refused, shut, waited, credit] = [0, 0, 0, 0, 0, 0];
  let slowed: Slowed | undefined;
  const adaptive = policy.kind === "adaptive" ? policy : undefined;
  const forecaster = adaptive?.forecaster === "last-minutes" ? lastMinutes() : servedForecaster();

  for (const [minute, arrived] of arrivals.entries()) {
    if (minute % turnsEvery === 0) used = 0;
    if (arrived > 0) waiting.push({ since: minute, count: arrived });
    if (adaptive) {
      if (minute > 0) forecaster.hear(minute - 1, starts[minute - 1 - LAG] ?? 0);
      const turns = turnsEvery - (minute % turnsEvery);
      const growth = forecaster.ahead(minute, Math.min(60, turns));
      const usedShare = used / limit;
      const pressure =
        growth === undefined
          ? undefined
          : {
              subject: "account/e/a",
              scope: "the window",
              usedShare,
              predictedShare: usedShare + growth / limit,
              startsPerMinute: forecaster.rate(),
              fillingStarts: limit,
              turnMs: (minute + turns) * MINUTE_MS,
            };
      slowed = step(slowed, pressure ? [pressure] : [], { nowMs: minute * MINUTE_MS, range: RANGE }).state;
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
    // The provider refuses the first one, and the queue closes the gate until the limit turns.
    if (wanted > allowed) refused += 1;
    if (wanted > allowed || (present > 0 && slowed?.closedAt !== undefined)) shut += 1;
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
