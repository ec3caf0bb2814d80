import { unlessBrief } from "@ccsp/testkit";
import { burstyDay, directionChanges, OFF, type SimulatedResult, simulate } from "../test/simulated-day.js";

/**
 * Compares the controller, with the forecaster that is served, with fixed rates on 50 bursty days, in a simulation. It
 * is deterministic: no clock, no network. `fixed` is the greatest rate that never reaches the limit; `unbounded` is no
 * rate at all.
 */
const DAYS = unlessBrief(50, 2);
/** A day of whole windows. */
const MINUTES = 1_500;
const LIMIT = { limit: 200, turnsEvery: 300, capacity: 20 };

function days(policy: Parameters<typeof simulate>[1]): readonly SimulatedResult[] {
  return Array.from({ length: DAYS }, (_, i) =>
    simulate({ ...LIMIT, arrivals: burstyDay(i + 1, { minutes: MINUTES }) }, policy),
  );
}

const sum = (results: readonly SimulatedResult[], of: (result: SimulatedResult) => number): number =>
  results.reduce((total, result) => total + of(result), 0);

const policies = {
  adaptive: days({ kind: "adaptive" }),
  fixed: days({ kind: "fixed", rate: LIMIT.limit / LIMIT.turnsEvery }),
  unbounded: days(OFF),
};

console.log(`${DAYS} bursty days: a limit of ${LIMIT.limit} starts that turns every ${LIMIT.turnsEvery} minutes`);
for (const [name, results] of Object.entries(policies)) {
  const done = sum(results, ({ done: each }) => each);
  const refused = sum(results, ({ shut }) => shut);
  const wait = sum(results, ({ meanWait }) => meanWait) / DAYS;
  const swings = sum(results, ({ rates }) => directionChanges(rates)) / DAYS;
  console.log(
    `${name.padEnd(10)} done ${done}, minutes at the limit ${refused}, mean wait ${wait.toFixed(0)} min, direction changes a day ${swings.toFixed(1)}`,
  );
}
const { adaptive, fixed, unbounded } = policies;
const ratio = (name: string, value: number): void => console.log(`ratio ${name} ${value.toFixed(3)}`);
ratio("adaptation-work-to-fixed", sum(adaptive, ({ done }) => done) / sum(fixed, ({ done }) => done));
ratio("adaptation-work-to-unbounded", sum(adaptive, ({ done }) => done) / sum(unbounded, ({ done }) => done));
ratio("adaptation-wait-to-fixed", sum(adaptive, ({ meanWait }) => meanWait) / sum(fixed, ({ meanWait }) => meanWait));
ratio("adaptation-limit-hits-to-unbounded", sum(adaptive, ({ shut }) => shut) / sum(unbounded, ({ shut }) => shut));
