import type { Duration } from "@ccsp/protos/google/protobuf/duration.js";

export const toDuration = (ms: number): Duration => {
  const whole = Math.round(ms);
  return { seconds: BigInt(Math.trunc(whole / 1000)), nanos: (whole % 1000) * 1_000_000 };
};

/** Absent means 0. */
export const durationMs = (duration: Duration | undefined): number =>
  duration === undefined ? 0 : Number(duration.seconds) * 1000 + duration.nanos / 1_000_000;
