import { Refusal } from "./refusal.js";

/** The limits that refuse one caller or one address, as `QuotaFailure` and the metrics name them. */
export const CALLER_LIMITS = [
  "unfinished_requests",
  "abandoned_calls",
  "requests",
  "calls",
  "bytes",
  "address_requests",
  "address_calls",
  "address_bytes",
  "failed_logins",
] as const;
export type CallerLimit = (typeof CALLER_LIMITS)[number];

/** CALLER_LIMIT. `description` is the rest of a sentence about the caller. */
export function limited(limit: CallerLimit, description: string, retryAfterMs: number): Refusal {
  return new Refusal("CALLER_LIMIT", `this caller ${description}`, {
    retryAfterMs,
    quota: [{ subject: limit, description }],
  });
}
