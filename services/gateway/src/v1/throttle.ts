import { type GetLimitsResponse, SetLimitsRequest } from "@ccsp/protos/ccsp/queue/v1/limit.js";

/** Each engine that has no rate of its own. The predecessor knew one engine. */
const RATE = "rate/engine/*";
const MINUTE_MS = 60_000;

/** The delay between two starts, in ms, as the predecessor had it. 0: none. */
export function startDelayMs({ limits }: GetLimitsResponse): number {
  const value = limits.find(({ name }) => name === RATE)?.value?.value;
  const perMinute = value?.$case === "rate" ? value.value.startsPerMinute : 0;
  return perMinute > 0 ? Math.round(MINUTE_MS / perMinute) : 0;
}

/** A delay as a rate of starts. 0: the rate of the settings. */
export function withStartDelay(delayMs: number, why: string): SetLimitsRequest {
  const startsPerMinute = MINUTE_MS / delayMs;
  const value = delayMs === 0 ? undefined : { value: { $case: "rate", value: { startsPerMinute } } as const };
  return SetLimitsRequest.fromPartial({ changes: [{ name: RATE, value }], why });
}
