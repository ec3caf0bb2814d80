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
  readonly redis: { answers(): boolean };
}

/**
 * Submissions behind a circuit breaker. A task that the breaker refuses because of `overload` costs no further work.
 */
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
