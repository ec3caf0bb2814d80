import * as fc from "fast-check";

const OPS = {
  8: ["sync"],
  5: ["enqueue", "start"],
  3: ["complete", "reap", "wait"],
  2: ["batch", "fail", "cancel", "release", "report", "reboot", "forget", "lost sync", "sync again"],
  1: [
    ...(["schedule", "pin", "hurry", "ask again", "old sync", "zombie"] as const),
    ...(["limit", "overload", "crash", "login", "refuse", "retry", "priority", "pause", "resume"] as const),
    ...(["window", "named window", "open window", "set back", "count", "clear"] as const),
  ],
} as const;
type Op = (typeof OPS)[keyof typeof OPS][number];

export interface Step {
  readonly op: Op;
  /** Which task, lease or executor the step is about: a number, taken modulo how many there are at that moment. */
  readonly n: number;
  /** The replica that does the step dies after this many calls of the store. Absent: it survives. */
  readonly crash?: number | undefined;
}

/** Everything that agents, operators, executors and time may do, right or wrong. */
export const step: fc.Arbitrary<Step> = fc.record({
  op: fc.oneof(
    ...Object.entries(OPS).map(([weight, ops]) => ({
      weight: Number(weight) * ops.length,
      arbitrary: fc.constantFrom<Op>(...ops),
    })),
  ),
  n: fc.nat(99),
  crash: fc.oneof({ weight: 7, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.nat(8) }),
});
