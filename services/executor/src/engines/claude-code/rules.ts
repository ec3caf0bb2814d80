import { ENDINGS, type Rule } from "@ccsp/engine-kit";

/** The CLI's own words for what went wrong, as the transcript has them. */
export type ClaudeWord =
  /** `subtype` of the result line. */
  | "subtype"
  /** `terminal_reason` of the result line. */
  | "terminalReason"
  /** `error` of the message that the CLI wrote in the model's place. */
  | "error"
  /** `rejected`: the last `rate_limit_event` says that a window is closed. */
  | "window";

const WINDOW_TEXT = /hit your (\w+ )?limit|usage limit reached|\d+-hour limit reached|out of extra usage/i;

const INTERRUPTED = ["aborted_streaming", "aborted_tools"];

/** The first rule that holds counts: structured fields, then status, then text, whose wording changes between versions. */
export const RULES: readonly Rule<ClaudeWord>[] = [
  {
    when: { words: { subtype: ["error_max_budget_usd"] } },
    category: "BUDGET_EXCEEDED",
    message: "limits.budget_usd is spent",
  },
  {
    when: { words: { subtype: ["error_max_turns"] } },
    category: "BUDGET_EXCEEDED",
    message: "limits.turns is used up",
  },
  // By SIGINT, of which 2.1.332 makes a result.
  {
    when: { words: { terminalReason: INTERRUPTED }, worked: false },
    category: "NO_WORK_DONE",
    message: "the engine was interrupted before it did anything",
  },
  { when: { words: { terminalReason: INTERRUPTED } }, category: "ENGINE_CRASH", message: "the engine was interrupted" },
  {
    when: { words: { terminalReason: ["prompt_too_long"] } },
    category: "CONTEXT_OVERFLOW",
    message: "the prompt is too long for the model",
  },
  {
    when: { words: { window: ["rejected"] }, status: [429] },
    category: "USAGE_WINDOW",
    message: "the usage window is closed",
  },
  {
    when: { words: { error: ["authentication_failed", "billing_error"] } },
    category: "SESSION_TIMEOUT",
    message: "the engine's login or key is refused, or there is none",
  },
  {
    when: { words: { error: ["model_not_found"] } },
    category: "INVALID_REQUEST",
    message: "the model does not exist or may not be used",
  },

  {
    when: { status: [401, 403] },
    category: "SESSION_TIMEOUT",
    message: "the provider refused the engine's login or key ({status})",
  },
  { when: { status: [429], text: WINDOW_TEXT }, category: "USAGE_WINDOW", message: "the usage window is closed" },
  {
    when: { status: [429] },
    category: "RATE_LIMIT",
    message: "the provider limits the rate of requests (429)",
  },
  {
    when: { status: [500, 502, 503, 504, 529] },
    category: "OVERLOADED",
    message: "the provider is overloaded or broken ({status})",
  },
  {
    when: { status: [400, 413], text: /prompt is too long|too many total text bytes|context (window|limit)/i },
    category: "CONTEXT_OVERFLOW",
    message: "the conversation no longer fits the model",
  },
  {
    when: { status: [400, 404, 413, 422] },
    category: "INVALID_REQUEST",
    message: "the provider refused the request ({status})",
  },

  {
    when: { finished: true, text: /not logged in|run \/login|invalid api key|failed to authenticate|oauth token/i },
    category: "SESSION_TIMEOUT",
    message: "the engine is not logged in",
  },
  { when: { finished: true, text: WINDOW_TEXT }, category: "USAGE_WINDOW", message: "the usage window is closed" },
  {
    // What the third refusal in a row comes to: the status is absent then.
    when: { finished: true, text: /\b529\b.*overloaded/i },
    category: "OVERLOADED",
    message: "the provider is overloaded",
  },
  {
    when: {
      finished: true,
      text: /unable to connect|connection .*(lost|error|closed)|ECONN|ENOTFOUND|EAI_AGAIN|ETIMEDOUT/i,
    },
    category: "NETWORK_ERROR",
    message: "the provider could not be reached",
  },
  {
    when: { finished: true, text: /No conversation found/ },
    category: "INVALID_REQUEST",
    message: "the conversation is not known here",
  },
  {
    when: { finished: false, stderr: /No conversation found/ },
    category: "INVALID_REQUEST",
    message: "the conversation is not known here",
  },

  ...ENDINGS,
];
