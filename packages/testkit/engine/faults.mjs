import { MarkerError } from "./markers.mjs";

/**
 * How CLI 2.1.197 reports each failure (a test compares these with the real CLI). `error` is the failure's class on the
 * assistant line. `retry` is its class in the lines that report the CLI's own retries, which come first. A fault with a
 * `subtype` has its text in `errors` and no assistant line, and it keeps the cost of the run.
 */
const FAULTS = {
  401: {
    status: 401,
    text: "Invalid API key · Fix external API key",
    error: "authentication_failed",
    retry: "authentication_failed",
  },
  login: { status: null, text: "Not logged in · Please run /login", error: "authentication_failed" },
  429: {
    status: 429,
    text: "API Error: Request rejected (429) · This request would exceed your organization's rate limit.",
    error: "rate_limit",
    retry: "rate_limit",
  },
  window: { status: 429, text: "You've hit your limit · resets ", error: "rate_limit", window: true },
  500: {
    status: 500,
    text: "API Error: 500 Internal server error. This is a server-side issue, usually temporary — try again in a moment.",
    error: "server_error",
    retry: "server_error",
  },
  529: {
    status: 529,
    text: "API Error: 529 Overloaded. This is a server-side issue, usually temporary — try again in a moment.",
    error: "server_error",
    retry: "overloaded",
  },
  "529-repeated": {
    status: null,
    text: "API Error: Repeated 529 Overloaded errors. The API is at capacity — this is usually temporary.",
    error: "server_error",
    retry: "overloaded",
    retries: 2,
  },
  refused: {
    status: null,
    text: "API Error: Unable to connect to API (ConnectionRefused)",
    error: "server_error",
    retry: "unknown",
    retryStatus: null,
  },
  lost: {
    status: null,
    text: "API Error: Connection to the API was lost (ECONNRESET). This is usually temporary — try again.",
    error: "server_error",
  },
  "too-long": {
    status: 400,
    text: "Prompt is too long · the request is ~208310 tokens (limit 200000)",
    error: "invalid_request",
    terminal: "prompt_too_long",
  },
  turns: { text: "Reached maximum number of turns (1)", subtype: "error_max_turns", terminal: "max_turns", turns: 2 },
  budget: { text: "Reached maximum budget ($0.01)", subtype: "error_max_budget_usd" },
  execution: { text: "Something went wrong", subtype: "error_during_execution" },
};

const HOUR = "3600";

/** Reads the argument of `[[fail:<kind>]]`. A window has a second part: `[[fail:window:<seconds until it opens>]]`. */
export function faultOf(argument) {
  const [kind, seconds = HOUR] = argument.split(":");
  const fault = FAULTS[kind];
  if (!fault) throw new MarkerError(`[[fail:${kind}]]: there are ${Object.keys(FAULTS).join(", ")}`);
  if (!fault.window) return fault;
  const resetsAt = Math.floor(Date.now() / 1000) + Number(seconds);
  return { ...fault, resetsAt, text: `${fault.text}${clockTime(resetsAt)}` };
}

export async function tellOf(fault, output) {
  for (let attempt = 1; fault.retry && attempt <= (fault.retries ?? 1); attempt++) {
    await output.line({
      type: "system",
      subtype: "api_retry",
      attempt,
      max_retries: fault.retries ?? 1,
      retry_delay_ms: 500,
      error_status: fault.retryStatus === undefined ? (fault.status ?? 529) : fault.retryStatus,
      error: fault.retry,
    });
  }
  if (fault.resetsAt !== undefined) await output.line(windowEvent("rejected", fault.resetsAt));
  if (!fault.subtype)
    await output.assistant({ type: "text", text: fault.text }, { model: "<synthetic>" }, { error: fault.error });
}

export function windowEvent(status, resetsAt) {
  return {
    type: "rate_limit_event",
    rate_limit_info: {
      status,
      resetsAt,
      rateLimitType: "five_hour",
      overageStatus: "rejected",
      isUsingOverage: false,
    },
  };
}

/** Formats a time as `2:24am (UTC)`. */
function clockTime(epochSeconds) {
  const time = new Date(epochSeconds * 1000);
  const hours = time.getUTCHours();
  const minutes = String(time.getUTCMinutes()).padStart(2, "0");
  return `${hours % 12 || 12}:${minutes}${hours < 12 ? "am" : "pm"} (UTC)`;
}
