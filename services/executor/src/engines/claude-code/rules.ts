import { ENDINGS, type Rule } from "@ccsp/engine-kit";

/** The transcript's fields in which the CLI names what went wrong. */
export type ClaudeWord =
  /** `subtype` of the result line. */
  | "subtype"
  /** `terminal_reason` of the result line. */
  | "terminalReason"
  /** `stop_reason` of the result line. */
  | "stopReason"
  /** `error` of the message that the CLI writes in place of the model. */
  | "error"
  /** `rejected`: the last `rate_limit_event` says that a usage window is closed. */
  | "window";

const WINDOW_TEXT = /hit your (?:\w{1,20} )?limit|usage limit reached|-hour limit reached|out of extra usage/i;

const INTERRUPTED = ["aborted_streaming", "aborted_tools"];

/**
 * The first rule that matches decides. Rules on structured fields come first, then rules on the status, then rules on
 * text. Text is last because its wording changes between versions.
 */
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
  // CLI 2.1.332 writes a result when it gets SIGINT.
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
    when: { words: { stopReason: ["refusal"] } },
    category: "MODEL_REFUSED",
    message: "the model, or the provider's safeguards, declined to answer",
  },
  {
    when: { words: { error: ["max_output_tokens"] } },
    category: "ANSWER_CUT_OFF",
    message: "the answer has more tokens than the model may write, and is cut off",
  },
  {
    // The CLI calls each 403 a failed authentication, even if a proxy in front of the provider sent it. So this rule
    // comes before the rule on `error`.
    when: { status: [403] },
    category: "ACCESS_DENIED",
    message: "the provider refused this request or its model (403)",
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
    when: { status: [401] },
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
    // The CLI writes this text after the third refusal in a row. Then the status is absent.
    when: { finished: true, text: /529 (?:\{"type":"error","error":\{"type":")?overloaded/i },
    category: "OVERLOADED",
    message: "the provider is overloaded",
  },
  {
    when: {
      finished: true,
      text: /unable to connect|connection (?:[a-z]{1,10} ){0,5}(?:lost|error|closed)|ECONN|ENOTFOUND|EAI_AGAIN|ETIMEDOUT/i,
    },
    category: "NETWORK_ERROR",
    message: "the provider could not be reached",
  },
  {
    // The answer is HTML or other JSON with status 200. Its source is a proxy, a sign-in page or a wrong address.
    when: { finished: true, text: /empty or malformed response/i },
    category: "NETWORK_ERROR",
    message: "the answer did not come from the provider: check for a proxy or gateway in between",
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
  {
    when: { finished: false, worked: false, stderr: /cannot be used with root\/sudo privileges/ },
    category: "INVALID_REQUEST",
    message:
      "permission_mode: Claude Code does not skip permissions as root: run the executor as another user, or declare IS_SANDBOX=1 to the CLI",
  },

  ...ENDINGS,
];
