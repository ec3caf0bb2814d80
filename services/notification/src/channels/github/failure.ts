import { RequestError } from "@octokit/request-error";
import { DeliveryError } from "../../domain/channel.js";
import { retryAfterMs } from "../../net/http-failure.js";

/** What GitHub asks to wait when it names no time (https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api). */
const SECONDARY_MS = 60_000;

/** Returns what a failed request to GitHub means for the queue. */
export function githubFailure(error: unknown, now: Date): unknown {
  if (!(error instanceof RequestError)) return error;
  const { status, response, message } = error;
  // A connection that failed has the status 500 and no response.
  if (response === undefined) {
    return error.cause instanceof DeliveryError
      ? error.cause
      : new DeliveryError("unavailable", short(message), undefined, error.cause);
  }
  const header = (name: string): string | null => {
    const value = response.headers[name];
    return value === undefined ? null : String(value);
  };
  const text = `GitHub answered ${status}: ${short(message)}`;
  const asked = retryAfterMs(header("retry-after"), now);
  const used = header("x-ratelimit-remaining") === "0";
  if (status === 429 || (status === 403 && (asked !== undefined || used || /secondary rate limit/i.test(message)))) {
    const reset = used ? Number(header("x-ratelimit-reset")) * 1_000 - now.getTime() : Number.NaN;
    return new DeliveryError("limited", text, asked ?? (Number.isNaN(reset) ? SECONDARY_MS : Math.max(1_000, reset)));
  }
  if (status >= 500 || status === 408) return new DeliveryError("unavailable", text, asked);
  // Also what GitHub calls invalid: a label or a person that does not exist is for the operator to mend.
  return new DeliveryError("refused", text);
}

const short = (text: string): string => text.split(" - ")[0]?.slice(0, 300) ?? "";
