import { MarkerError } from "./markers.mjs";

/**
 * How the CLI words each failure (2.1.197). `retries`: it tells of its own retries first. `window`: it tells when the usage
 * window opens. `subtype`: the result names the failure there and has no text.
 */
const FAULTS = {
  401: { status: 401, text: "Invalid API key · Fix external API key", retries: "authentication_failed" },
  login: { status: null, text: "Not logged in · Please run /login" },
  429: {
    status: 429,
    text: "API Error: Request rejected (429) · This request would exceed your organization's rate limit.",
    retries: "rate_limit",
  },
  window: { status: 429, text: "You've hit your limit · resets 12:08am (UTC)", window: true },
  500: {
    status: 500,
    text: "API Error: 500 Internal server error. This is a server-side issue, usually temporary — try again in a moment.",
    retries: "server_error",
  },
  529: {
    status: 529,
    text: "API Error: 529 Overloaded. This is a server-side issue, usually temporary — try again in a moment.",
    retries: "overloaded",
  },
  "529-repeated": {
    status: null,
    text: "API Error: Repeated 529 Overloaded errors. The API is at capacity — this is usually temporary.",
    retries: "overloaded",
  },
  refused: { status: null, text: "API Error: Unable to connect to API (ConnectionRefused)" },
  lost: {
    status: null,
    text: "API Error: Connection to the API was lost (ECONNRESET). This is usually temporary — try again.",
  },
  "too-long": {
    status: 400,
    text: "Prompt is too long · the request is ~208310 tokens (limit 200000)",
    terminal: "prompt_too_long",
  },
  turns: {
    status: null,
    text: "Reached maximum number of turns (3)",
    subtype: "error_max_turns",
    terminal: "max_turns",
  },
  budget: { status: null, text: "Reached maximum budget ($0.01)", subtype: "error_max_budget_usd", terminal: "budget" },
  execution: { status: null, text: "Something went wrong", subtype: "error_during_execution" },
};

/** `[[fail:<kind>]]`, and for a window `[[fail:window:<seconds until it opens>]]`. */
export function faultOf(argument) {
  const [kind, seconds = "3600"] = argument.split(":");
  const fault = FAULTS[kind];
  if (!fault) throw new MarkerError(`[[fail:${kind}]]: there are ${Object.keys(FAULTS).join(", ")}`);
  return { ...fault, windowSeconds: Number(seconds) };
}

export async function tellOf(fault, output) {
  if (fault.retries) {
    await output.line({
      type: "system",
      subtype: "api_retry",
      attempt: 1,
      max_retries: 1,
      retry_delay_ms: 500,
      error_status: fault.status ?? 529,
      error: fault.retries,
    });
  }
  if (fault.window) await output.line(windowEvent("rejected", fault.windowSeconds));
  await output.assistant({ type: "text", text: fault.text }, "<synthetic>");
}

export function windowEvent(status, secondsLeft) {
  return {
    type: "rate_limit_event",
    rate_limit_info: {
      status,
      resetsAt: Math.floor(Date.now() / 1000) + secondsLeft,
      rateLimitType: "five_hour",
      overageStatus: "rejected",
      isUsingOverage: false,
    },
  };
}
