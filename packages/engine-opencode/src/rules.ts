import { ENDINGS, type Rule } from "@ccsp/engine-kit";

/** The fields in which the reader keeps OpenCode's own words for a failure. */
export type OpenCodeWord =
  /** The `error.name` of the error line. */
  | "error"
  /** `rejected`: a tool asked for a permission that was not given. That ends the run. */
  | "tool"
  /** Why the last step ended, when it is not an answer: `length`, `blank`. */
  | "reason";

/**
 * The first rule that holds counts. First come structured fields, then the status, then text, because its wording
 * changes between versions.
 */
export const RULES: readonly Rule<OpenCodeWord>[] = [
  {
    when: { words: { error: ["ContextOverflowError"] } },
    category: "CONTEXT_OVERFLOW",
    message: "the conversation no longer fits the model",
  },
  {
    when: { words: { error: ["ProviderAuthError"] } },
    category: "SESSION_TIMEOUT",
    message: "the engine's login or key is refused, or there is none",
  },
  {
    when: { words: { tool: ["rejected"] }, finished: false },
    category: "PERMISSION_DENIED",
    message: "the engine asked for a permission that it does not have",
  },

  {
    when: { words: { error: ["ContentFilterError"] } },
    category: "MODEL_REFUSED",
    message: "the model, or the provider's safeguards, declined to answer",
  },
  {
    when: { words: { reason: ["length"] } },
    category: "ANSWER_CUT_OFF",
    message: "the answer has more tokens than the model may write, and is cut off",
  },
  {
    when: { words: { reason: ["blank"] } },
    category: "NETWORK_ERROR",
    message: "the answer did not come from the provider: check for a proxy or gateway in between",
  },

  {
    when: { status: [401] },
    category: "SESSION_TIMEOUT",
    message: "the provider refused the engine's login or key ({status})",
  },
  {
    when: { status: [403] },
    category: "ACCESS_DENIED",
    message: "the provider refused this request or its model (403)",
  },
  { when: { status: [429] }, category: "RATE_LIMIT", message: "the provider limits the rate of requests (429)" },
  {
    when: { status: [500, 502, 503, 504, 529] },
    category: "OVERLOADED",
    message: "the provider is overloaded or broken ({status})",
  },
  {
    when: { status: [400, 404, 413, 422] },
    category: "INVALID_REQUEST",
    message: "the provider refused the request ({status})",
  },

  {
    when: { finished: true, text: /^(model|agent) not found/i },
    category: "INVALID_REQUEST",
    message: "the model does not exist or may not be used",
  },
  {
    when: { finished: true, text: /api ?key is missing|missing api ?key|unauthorized/i },
    category: "SESSION_TIMEOUT",
    message: "the engine has no login or key",
  },
  {
    when: { finished: true, text: /overloaded|service unavailable/i },
    category: "OVERLOADED",
    message: "the provider is overloaded",
  },
  {
    when: {
      finished: true,
      text: /unable to connect|cannot connect|connection (?:[a-z]{1,10} ){0,5}(?:lost|error|closed|refused|reset)|socket|ECONN|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|timed out/i,
    },
    category: "NETWORK_ERROR",
    message: "the provider could not be reached",
  },

  ...ENDINGS,
];
