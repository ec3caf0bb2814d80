import type { Open } from "@ccsp/lifecycle";
import { redisAway } from "@ccsp/redis-kit";
import type { Registry } from "prom-client";
import { createSubmissions, type SubmissionDeps, type Submissions } from "./application/submissions.js";
import { createBreaker, type Strain } from "./domain/intake/breaker.js";
import { observeBreaker, observeSubmissions } from "./metrics.js";
import { startStrainMeter } from "./strain-meter.js";

interface OpenDeps {
  readonly open: Open;
  readonly registry: Registry;
  /** Whether Redis answers. */
  readonly redis: { answers(): boolean };
}

/** Submissions behind a breaker: one that is refused because of `overload` costs nothing. */
export async function openSubmissions(
  overload: Strain,
  { open, registry, redis }: OpenDeps,
  deps: Omit<SubmissionDeps, "admit" | "observer">,
): Promise<Submissions> {
  const meter = await open("strain", startStrainMeter());
  const breaker = createBreaker(overload, {
    measure: () => meter.measure(),
    nowMs: () => performance.now(),
    observer: observeBreaker(registry),
    storageAway: () => (redis.answers() ? undefined : redisAway()),
  });
  const admit = () => {
    breaker.pass();
    return meter.begin();
  };
  return createSubmissions({ ...deps, admit, observer: observeSubmissions(registry) });
}
