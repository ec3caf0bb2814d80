import assert from "node:assert/strict";
import * as fc from "fast-check";
import {
  burstyDay,
  directionChanges,
  OFF,
  poisson,
  type SimulatedDay,
  seeded,
  simulate,
} from "../../../test/simulated-day.js";
import { pressesFrom, type Slowed, step } from "./controller.js";

const DAY = { limit: 200, turnsEvery: 300, capacity: 20 };
/** A day of whole windows. */
const MINUTES = 1_500;
const TURNS = MINUTES / DAY.turnsEvery;
const RANGE = { min: 0.01, max: Number.POSITIVE_INFINITY };

/** Whole tasks of a rate that has fractions. */
function arrivals(rate: (minute: number, random: () => number) => number, minutes = MINUTES): number[] {
  const random = seeded(7);
  let left = 0;
  return Array.from({ length: minutes }, (_, minute) => {
    left += rate(minute, random);
    const whole = Math.floor(left);
    left -= whole;
    return whole;
  });
}

const byDay = (minute: number): number => 1 - Math.cos((2 * Math.PI * minute) / 1_440);
const LOADS: Readonly<Record<string, readonly number[]>> = {
  "steady load": arrivals(() => 2),
  "a square wave": arrivals((minute) => (Math.floor(minute / 30) % 2) * 6),
  bursts: burstyDay(1, { minutes: MINUTES }),
  "two days of day and night": arrivals((minute, random) => poisson(1.2 * byDay(minute), random), 2 * MINUTES),
  "load that just fits": arrivals((_, random) => poisson(0.66, random)),
};

describe("the controller of rates, with the forecaster that is served", () => {
  for (const [name, load] of Object.entries(LOADS)) {
    it(`does the work that is done without it, is not longer at the limit, and comes to rest, under ${name}`, () => {
      const day = { ...DAY, arrivals: load };
      const [on, off] = [simulate(day, { kind: "adaptive" }), simulate(day, OFF)];
      assert.ok(on.done >= 0.98 * off.done, `${on.done} of ${off.done} done`);
      assert.ok(on.refused <= off.refused && on.shut <= off.shut, `${on.shut} of ${off.shut} minutes shut`);
      const swings = directionChanges(on.rates);
      assert.ok(swings <= TURNS, `${swings} changes of direction`);
    });
  }

  it("changes nothing while no limit is near", () => {
    const { rates } = simulate({ ...DAY, arrivals: arrivals(() => 0.4) }, { kind: "adaptive" });
    assert.ok(rates.every((each) => each === Number.POSITIVE_INFINITY));
  });
});

const CHEAP = { kind: "adaptive", forecaster: "last-minutes" } as const;

describe("the controller of rates", () => {
  it("keeps bursty days below the limit, whatever the seed, and swings at most with the bursts", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), (seed) => {
        const bursts = 6;
        const day: SimulatedDay = { ...DAY, arrivals: burstyDay(seed, { bursts, minutes: MINUTES }) };
        const { rates, refused } = simulate(day, CHEAP);
        assert.ok(directionChanges(rates) <= TURNS + bursts, String(directionChanges(rates)));
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
        ["adaptive", CHEAP],
        ["fixed", { kind: "fixed", rate: DAY.limit / DAY.turnsEvery }],
      ] as const) {
        const { done, meanWait, refused } = simulate(day, policy);
        sum[name].done += done;
        sum[name].wait += meanWait;
        sum[name].refused += refused;
      }
    }
    assert.ok(sum.adaptive.done > sum.fixed.done, JSON.stringify(sum));
    assert.ok(sum.adaptive.wait < sum.fixed.wait, JSON.stringify(sum));
  });

  it("stays in the operator's range, and changes no more often than its pauses allow, for any observations", () => {
    const observation = fc.record({
      usedShare: fc.double({ min: 0, max: 1.5, noNaN: true }),
      growth: fc.double({ min: 0, max: 3, noNaN: true }),
      fillingStarts: fc.double({ min: 0.1, max: 1e6, noNaN: true }),
      left: fc.option(fc.integer({ min: -10, max: 10_000 }), { nil: undefined }),
      startsPerMinute: fc.double({ min: 0, max: 1e6, noNaN: true }),
      minutes: fc.integer({ min: 0, max: 30 }),
      known: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(observation, { maxLength: 60 }), (observations) => {
        const range = { min: 2, max: 50 };
        let state: Slowed | undefined;
        let [nowMs, changedMs] = [0, Number.NEGATIVE_INFINITY];
        for (const { usedShare, growth, startsPerMinute, minutes, known, fillingStarts, left } of observations) {
          nowMs += minutes * 60_000;
          const predictedShare = usedShare + growth;
          const turnMs = left === undefined ? undefined : nowMs + left * 60_000;
          const of = { subject: "agent/a", scope: "x", usedShare, predictedShare, startsPerMinute };
          const before = state;
          const pressures = known ? [{ ...of, fillingStarts, turnMs }] : [];
          const { state: next, decision } = step(state, pressures, { nowMs, range });
          state = next;
          assert.ok(state === undefined || (state.rate >= range.min && state.rate <= range.max), JSON.stringify(state));
          if (before?.rate !== state?.rate) assert.ok(decision, "each change is a decision");
          if (!decision || decision.what === "gate") continue;
          if (before && state) assert.ok(nowMs - changedMs >= 5 * 60_000, "a pause between two changes");
          changedMs = nowMs;
          assert.match(decision.reason, /^(slower|faster|let go): /);
        }
      }),
      { seed: 1 },
    );
  });

  const limitOf = (usedShare: number, more: object = {}) => ({
    ...{ subject: "agent/a", scope: "x", usedShare, predictedShare: usedShare + 0.5, startsPerMinute: 10 },
    ...{ fillingStarts: 1_000, turnMs: 100 * 60_000, ...more },
  });

  it("closes the gate last, when the limit is used up but for a rest, and opens it when the limit has turned", () => {
    const range = { min: 1, max: Number.POSITIVE_INFINITY };
    const whats: string[] = [];
    let state: Slowed | undefined;
    let minute = 0;
    const turn = (usedShare: number, more: object = {}) => {
      const { state: next, decision } = step(state, [limitOf(usedShare, more)], { nowMs: minute * 60_000, range });
      state = next;
      if (decision) whats.push(`${decision.what} ${decision.what === "gate" ? decision.after : ""}`.trim());
      minute += 5;
    };
    turn(0.95);
    assert.deepEqual([whats, state?.rate], [["rate"], 1], "the least rate");
    turn(0.99);
    assert.equal(whats.length, 1);
    for (let i = 0; i < 5; i++) turn(0.996);
    assert.equal(whats.at(-1), "gate 1");
    for (let i = 0; i < 5; i++) turn(0.996, { predictedShare: 0.996, startsPerMinute: 0 });
    assert.equal(whats.at(-1), "gate 1", "what is used stays used");
    const turned = { predictedShare: 0.1, startsPerMinute: 0, turnMs: 10_000 * 60_000 };
    turn(0.1, turned);
    assert.equal(whats.at(-1), "gate 0");
    for (let i = 0; i < 15; i++) turn(0.1, turned);
    assert.equal(state, undefined, "let go");
  });

  it("shares out the narrowest of the limits that press, and stays with it while its forecast is low", () => {
    const week = { scope: "the week", turnMs: 10_000 * 60_000 };
    const options = { nowMs: 0, range: RANGE };
    const { state } = step(undefined, [limitOf(0.5, { predictedShare: 0.95 }), limitOf(0.9, week)], options);
    assert.deepEqual([state?.scope, state?.rate.toFixed(4)], ["the week", "0.0100"]);
    const later = { ...options, nowMs: 10 * 60_000 };
    const calm = { predictedShare: 0.91, startsPerMinute: 0.01 };
    const next = step(state, [limitOf(0.5, { predictedShare: 0.6 }), limitOf(0.9, { ...week, ...calm })], later);
    assert.deepEqual([next.state?.scope, next.decision], ["the week", undefined]);
  });

  it("reads what 0.3.0 stored, and lets go of it when no limit presses", () => {
    const old: Slowed = { rate: 2, base: 10, changedMs: 0 };
    const first = step(old, [limitOf(0.2, { predictedShare: 0.3 })], { nowMs: 60_000, range: RANGE });
    assert.deepEqual([first.state?.rate, first.decision], [2, undefined]);
    const calm = { nowMs: 62 * 60_000, range: RANGE };
    assert.equal(step(first.state, [limitOf(0.2, { predictedShare: 0.3 })], calm).state, undefined);
  });

  it("asks for a higher forecast, the more of the limit is used, so that its last part is used too", () => {
    for (let used = 0; used < 1; used += 0.01) {
      assert.ok(used < pressesFrom(used) && pressesFrom(used) < 1.0001 && pressesFrom(used) >= 0.9);
    }
  });
});
