import assert from "node:assert/strict";
import { array, boolean, assert as check, constant, double, integer, oneof, property } from "fast-check";
import { historyAt, SHAPES, type ShapeName, tokensOf } from "../../../test/shapes.js";
import { exhaustTime } from "./exhaust.js";
import { type Forecast, forecast } from "./forecast.js";
import { historyOf, STEP_MS, STEPS_PER_HOUR } from "./history.js";
import { MODELS, totalOf } from "./models.js";

const NAMES = Object.keys(SHAPES).filter((name): name is ShapeName => name in SHAPES);
const AHEAD = [1, STEPS_PER_HOUR] as const;

/** Forecasts a shape at each 80 minutes of its last week, and returns what was said and what then happened. */
function replay(name: ShapeName, ahead: number) {
  const steps = tokensOf(name, 21, 7);
  const found: { said: Forecast; actual: number; naive: number }[] = [];
  for (let seen = 14 * 24 * STEPS_PER_HOUR; seen + ahead <= steps.length; seen += 16) {
    const history = historyAt(steps, seen);
    const said = forecast(history, ahead);
    const path = MODELS["last-rate"]({ history, seen: history.steps.length }, ahead);
    assert.ok(said.state === "known" && path);
    const actual = steps.slice(seen, seen + ahead).reduce((sum, each) => sum + each, 0);
    found.push({ said, actual, naive: totalOf(path, ahead) });
  }
  return found;
}

describe("a forecast", function () {
  this.timeout(30_000);

  for (const name of NAMES)
    for (const ahead of AHEAD)
      it(`of ${name} usage ${ahead * 5} min ahead is no worse than the last value, and its band holds its share`, () => {
        const found = replay(name, ahead);
        const error = (of: (each: (typeof found)[number]) => number): number =>
          found.reduce((sum, each) => sum + Math.abs(each.actual - of(each)), 0);
        const ratio = error(({ said }) => said.expected) / error(({ naive }) => naive);
        const within =
          found.filter(({ said, actual }) => actual >= said.low && actual <= said.high).length / found.length;
        // Within a batch, the next five minutes are like the last: no model is better there, and the last value is used.
        assert.ok(name === "bursty" && ahead === 1 ? ratio <= 1 : ratio < 0.97, `ratio ${ratio}`);
        assert.ok(within > 0.7 && within < 0.9, `share within the band ${within}`);
      });

  it("has a band that holds its share six hours ahead too, and with half a day of usage, on usage it was not made for", () => {
    const ahead = 6 * STEPS_PER_HOUR;
    const within = (steps: readonly number[], seen: number): boolean[] => {
      const said = forecast(historyAt(steps, seen), ahead);
      if (said.state !== "known") return [];
      const actual = steps.slice(seen, seen + ahead).reduce((sum, each) => sum + each, 0);
      return [actual >= said.low && actual <= said.high];
    };
    const shareOf = (found: readonly boolean[]): number => found.filter(Boolean).length / found.length;
    const [DAY, seeds] = [24 * STEPS_PER_HOUR, [31, 32, 33]];
    const long = NAMES.flatMap((name) =>
      seeds.flatMap((seed) => {
        const steps = tokensOf(name, 21, seed);
        return Array.from({ length: 20 }, (_, at) => within(steps, 14 * DAY + at * 97)).flat();
      }),
    );
    // Half a day of usage that follows the time of day says nothing of the other half: docs/usage.md.
    const short = (["steady", "bursty"] as const).flatMap((name) =>
      seeds.flatMap((seed) => {
        const steps = tokensOf(name, 21, seed);
        return Array.from({ length: 20 }, (_, at) => within(steps.slice(at * DAY), DAY / 2)).flat();
      }),
    );
    for (const found of [long, short]) assert.ok(shareOf(found) > 0.74 && shareOf(found) < 0.9, `${shareOf(found)}`);
  });

  it("is never negative and never throws, whatever was counted", () => {
    const value = oneof(constant(0), double({ min: 0, max: 1e12 }), constant(1e12), constant(Number.NaN), constant(-5));
    const numbers = (most: number) => array(value, { maxLength: most, size: "max" });
    check(
      property(boolean(), numbers(384), numbers(336), integer({ min: 1, max: 72 }), (falls, any, hours, ahead) => {
        const steps = falls ? any.toSorted((a, b) => b - a) : any;
        const history = historyOf(1_000 * 3_600_000 + 7 * STEP_MS, steps, hours);
        const view = { history, seen: history.steps.length };
        for (const path of Object.values(MODELS).flatMap((model) => model(view, ahead) ?? []))
          for (let k = 1; k <= 300; k++) assert.ok(path(k) >= 0 && Number.isFinite(path(k)), `step ${k}`);
        const said = forecast(history, ahead);
        if (said.state !== "known") return assert.notEqual(said.reason, "");
        const { low, expected, high, confidence } = said;
        assert.ok(low >= 0 && low <= expected && expected <= high && Number.isFinite(high), JSON.stringify(said));
        assert.ok(confidence >= 0 && confidence <= 1);
      }),
      { numRuns: 60 },
    );
  });

  it("says that there is too little usage instead of zero, and knows a rise from chance", () => {
    const at = (steps: readonly number[]) => forecast(historyOf(0, steps, []), STEPS_PER_HOUR);
    const none = at([]);
    assert.ok(none.state === "too-little-data" && /no usage/.test(none.reason));
    const few = at([0, 0, 5, 7]);
    assert.ok(
      few.state === "too-little-data" && /usage of 10 minutes, .* needs 175/.test(few.reason),
      JSON.stringify(few),
    );
    const trendOf = (of: (n: number) => number): string => {
      const said = at(Array.from({ length: 60 }, (_, n) => of(n)));
      return said.state === "known" ? said.trend : said.state;
    };
    assert.deepEqual(
      [trendOf((n) => 10 + n), trendOf((n) => 100 - n), trendOf((n) => 10 + (n % 3))],
      ["increasing", "decreasing", "stable"],
    );
  });

  it("says when a limit is reached, at the level of the path and at the upper edge of the band", () => {
    const known: Forecast = {
      ...{ state: "known", from: 0, horizonMs: STEPS_PER_HOUR * STEP_MS, validUntil: STEP_MS },
      ...{ expected: 120, low: 60, high: 240, ratePerHour: 120, trend: "stable", confidence: 1, model: "linear" },
      path: () => 10,
      scores: [],
    };
    const limit = { used: 40, limit: 100, periodEnd: 100 * STEP_MS };
    // 60 are left: six steps of 10, or three of 20.
    assert.deepEqual(exhaustTime(limit, known, 0), { state: "runs-out", expected: 6 * STEP_MS, earliest: 3 * STEP_MS });
    assert.deepEqual(exhaustTime({ ...limit, periodEnd: 5 * STEP_MS }, known, 0), {
      state: "lasts",
      earliest: 3 * STEP_MS,
    });
    assert.deepEqual(exhaustTime({ ...limit, periodEnd: 2 * STEP_MS }, known, 0), {
      state: "lasts",
      earliest: undefined,
    });
    // Half of a step has passed: what was used in it is in `used` already.
    assert.deepEqual(exhaustTime(limit, known, STEP_MS / 2), {
      ...{ state: "runs-out", expected: 6.5 * STEP_MS, earliest: 3.5 * STEP_MS },
    });
    const none = { state: "too-little-data", from: 0, horizonMs: 1, reason: "r" } as const;
    assert.deepEqual(exhaustTime(limit, none, 0), { state: "unknown" });
    assert.deepEqual(exhaustTime({ ...limit, used: 100 }, none, 7), { state: "runs-out", expected: 7, earliest: 7 });
  });
});
