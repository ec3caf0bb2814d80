import assert from "node:assert/strict";
import * as fc from "fast-check";
import {
  burstyDay,
  directionChanges,
  poisson,
  type SimulatedDay,
  seeded,
  simulate,
} from "../../../test/simulated-day.js";
import { bandOf, type Slowed, step } from "./controller.js";

const DAY = { limit: 200, turnsEvery: 300, capacity: 20 };
const MINUTES = 1_440;
const TURNS = MINUTES / DAY.turnsEvery;
const RANGE = { min: 0.01, max: Number.POSITIVE_INFINITY };

/** Whole tasks of a rate that has fractions. */
function arrivals(rate: (minute: number, random: () => number) => number, seed = 7): number[] {
  const random = seeded(seed);
  let left = 0;
  return Array.from({ length: MINUTES }, (_, minute) => {
    left += rate(minute, random);
    const whole = Math.floor(left);
    left -= whole;
    return whole;
  });
}

const SHAPES: Readonly<Record<string, (minute: number, random: () => number) => number>> = {
  "a steady load": () => 2,
  "a step": (minute) => (minute < 100 ? 0.2 : 3),
  "a ramp": (minute) => minute / 200,
  noise: (_, random) => poisson(2, random),
  "a square wave": (minute) => (Math.floor(minute / 30) % 2) * 6,
  "much more than runs": () => 15,
};

describe("the controller of rates", () => {
  for (const [name, rate] of Object.entries(SHAPES)) {
    it(`comes down once and goes up once in each turn of the limit, and never swings, under ${name}`, () => {
      const { rates } = simulate({ ...DAY, arrivals: arrivals(rate) }, { kind: "adaptive" });
      assert.ok(directionChanges(rates) <= 2 * TURNS, String(directionChanges(rates)));
    });

    it(`comes to rest, without a cycle, when the limit does not turn, under ${name}`, () => {
      const day = { limit: 600, turnsEvery: MINUTES, capacity: 20, arrivals: arrivals(rate) };
      const { rates, done, refused } = simulate(day, { kind: "adaptive" });
      assert.ok(directionChanges(rates) <= 2, String(directionChanges(rates)));
      assert.equal(refused, 0);
      assert.ok(done > 0.9 * day.limit, String(done));
    });

    it(`changes nothing while no limit is near, under ${name}`, () => {
      const day = { limit: 1e6, turnsEvery: MINUTES, capacity: 20, arrivals: arrivals(rate) };
      const { rates } = simulate(day, { kind: "adaptive" });
      assert.ok(rates.every((each) => each === Number.POSITIVE_INFINITY));
    });
  }

  it("keeps bursty days below the limit, whatever the seed, and swings at most with the bursts", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), (seed) => {
        const bursts = 6;
        const day: SimulatedDay = { ...DAY, arrivals: burstyDay(seed, { bursts }) };
        const { rates, refused } = simulate(day, { kind: "adaptive" });
        assert.ok(directionChanges(rates) <= 2 * (TURNS + bursts), String(directionChanges(rates)));
        assert.ok(refused <= 10, String(refused));
      }),
      { numRuns: 60, seed: 1 },
    );
  });

  it("does more work than a fixed rate that is as safe, with shorter waits, on bursty days", () => {
    const sum = { adaptive: { done: 0, wait: 0, refused: 0 }, fixed: { done: 0, wait: 0, refused: 0 } };
    for (let seed = 1; seed <= 20; seed++) {
      const day = { ...DAY, arrivals: burstyDay(seed) };
      for (const [name, policy] of [
        ["adaptive", { kind: "adaptive" }],
        ["fixed", { kind: "fixed", rate: DAY.limit / DAY.turnsEvery }],
      ] as const) {
        const { done, meanWait, refused } = simulate(day, policy);
        sum[name].done += done;
        sum[name].wait += meanWait;
        sum[name].refused += refused;
      }
    }
    assert.ok(sum.adaptive.done > sum.fixed.done, JSON.stringify(sum));
    assert.ok(sum.adaptive.wait < 0.9 * sum.fixed.wait, JSON.stringify(sum));
  });

  it("stays in the operator's range, and changes no more often than its pauses allow, for any observations", () => {
    const observation = fc.record({
      usedShare: fc.double({ min: 0, max: 1.5, noNaN: true }),
      growth: fc.double({ min: 0, max: 3, noNaN: true }),
      startsPerMinute: fc.double({ min: 0, max: 1e6, noNaN: true }),
      minutes: fc.integer({ min: 0, max: 30 }),
      known: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(observation, { maxLength: 60 }), (observations) => {
        const range = { min: 2, max: 50 };
        let state: Slowed | undefined;
        let [nowMs, changedMs] = [0, Number.NEGATIVE_INFINITY];
        for (const { usedShare, growth, startsPerMinute, minutes, known } of observations) {
          nowMs += minutes * 60_000;
          const predictedShare = usedShare + growth;
          const pressure = { subject: "agent/a", scope: "x", usedShare, predictedShare, startsPerMinute };
          const before = state;
          const { state: next, decision } = step(state, known ? pressure : undefined, { nowMs, range });
          state = next;
          assert.ok(state === undefined || (state.rate >= range.min && state.rate <= range.max), JSON.stringify(state));
          if (before?.rate !== state?.rate) assert.ok(decision, "each change is a decision");
          if (!decision || decision.what === "gate") continue;
          if (before) assert.ok(nowMs - changedMs >= 5 * 60_000, "a pause between two changes");
          changedMs = nowMs;
          assert.match(decision.reason, /^(slower|faster|let go): /);
        }
      }),
      { seed: 1 },
    );
  });

  it("closes the gate last, when the least rate is still too fast, and opens it when the limit has turned", () => {
    const pressing = { subject: "agent/a", scope: "x", usedShare: 0.97, predictedShare: 1.2, startsPerMinute: 10 };
    const whats: string[] = [];
    let state: Slowed | undefined;
    let minute = 0;
    const turn = (pressure: typeof pressing) => {
      const { state: next, decision } = step(state, pressure, { nowMs: minute * 60_000, range: RANGE });
      state = next;
      if (decision) whats.push(`${decision.what} ${decision.what === "gate" ? decision.after : ""}`.trim());
      minute += 5;
    };
    for (let i = 0; i < 20; i++) turn({ ...pressing, startsPerMinute: state?.rate ?? 10 });
    assert.equal(whats.at(-1), "gate 1");
    assert.ok(whats.slice(0, -1).every((what) => what === "rate"));
    for (let i = 0; i < 20; i++) turn({ ...pressing, predictedShare: 0.97, startsPerMinute: 0 });
    assert.equal(whats.at(-1), "gate 1", "what is used stays used");
    turn({ ...pressing, usedShare: 0.1, predictedShare: 0.1, startsPerMinute: 0 });
    assert.equal(whats.at(-1), "gate 0");
    for (let i = 0; i < 20; i++) turn({ ...pressing, usedShare: 0.1, predictedShare: 0.1, startsPerMinute: 0 });
    assert.equal(state, undefined, "let go");
  });

  it("has a band that no small step crosses, at any share that is used", () => {
    for (let used = 0; used < 1; used += 0.01) {
      const { low, high } = bandOf(used);
      assert.ok(used < low && low < high && high < 1.0001);
      assert.ok((high - used) / (low - used) > 1.15, `at ${used}`);
    }
  });
});
