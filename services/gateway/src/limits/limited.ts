import { Refusal } from "@ccsp/errors";

/** The limits at the door, as `QuotaFailure` and the metrics name them. */
export type Limit =
  | "requests"
  | "calls"
  | "bytes"
  | "address_requests"
  | "address_calls"
  | "address_bytes"
  | "failed_logins";

export function limited(limit: Limit, description: string, retryAfterMs: number): Refusal {
  return new Refusal("CALLER_LIMIT", `this caller ${description}`, {
    retryAfterMs,
    quota: [{ subject: limit, description }],
  });
}
