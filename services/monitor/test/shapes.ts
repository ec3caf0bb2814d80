import { type History, historyOf, STEP_MS, STEPS_PER_HOUR } from "../src/forecast/domain/history.js";
import { DAY_MS, HOUR_MS } from "../src/usage/domain/usage-store.js";
import { poisson, seeded } from "./simulated-day.js";

/** Shapes of usage over days, the same for each seed: runs per step, each with its tokens. */
export const SHAPES = {
  /** Agents that work at the same pace all day and night. */
  steady: () => 12,
  /** People's days: little at night, two humps a day, half as much on days 5 and 6 of each week. */
  daily: (atMs: number) => {
    const hour = (atMs % DAY_MS) / HOUR_MS;
    const day = Math.floor(atMs / DAY_MS) % 7;
    const hump = (middle: number, width: number): number => Math.exp(-(((hour - middle) / width) ** 2));
    return (1 + 30 * hump(10.5, 2) + 24 * hump(15.5, 2.5)) * (day >= 5 ? 0.5 : 1);
  },
  /** Nearly nothing, and batches: each begins at any time and lasts 10 to 40 minutes. */
  bursty: (_atMs: number, random: () => number, state: { left: number }) => {
    if (state.left > 0) state.left -= 1;
    else if (random() < 1 / 20) state.left = 2 + Math.floor(random() * 7);
    return state.left > 0 ? 60 : 0.5;
  },
} as const satisfies Record<string, (atMs: number, random: () => number, state: { left: number }) => number>;
export type ShapeName = keyof typeof SHAPES;

/** The tokens per step of a shape, from midnight on. */
export function tokensOf(shape: ShapeName, days: number, seed: number): number[] {
  const random = seeded(seed);
  const state = { left: 0 };
  return Array.from({ length: (days * DAY_MS) / STEP_MS }, (_, step) => {
    const runs = poisson(SHAPES[shape](step * STEP_MS, random, state), random);
    let tokens = 0;
    // Most runs are small and few are large: the product of two even numbers.
    for (let run = 0; run < runs; run++) tokens += Math.round(500 + 20_000 * random() * random());
    return tokens;
  });
}

/** What the monitor would know of these steps when `seen` of them have passed. */
export function historyAt(steps: readonly number[], seen: number): History {
  const end = seen * STEP_MS;
  const hours = Math.floor(end / HOUR_MS);
  const first = Math.max(0, hours - 14 * 24);
  return historyOf(
    end,
    steps.slice(Math.max(0, seen - 27 * STEPS_PER_HOUR), seen),
    Array.from({ length: hours - first }, (_, hour) => {
      const from = (first + hour) * STEPS_PER_HOUR;
      return steps.slice(from, from + STEPS_PER_HOUR).reduce((sum, each) => sum + each, 0);
    }),
  );
}
