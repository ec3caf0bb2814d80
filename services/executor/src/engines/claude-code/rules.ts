import type { ErrorCategory, ErrorSource } from "@ccsp/engine-kit";

/** What is known of a run that did not end well. */
export interface Symptoms {
  /** The CLI printed its result line; without it the other fields of it are absent. */
  readonly hasResult: boolean;
  readonly subtype: string | undefined;
  readonly terminalReason: string | undefined;
  readonly errorWord: string | undefined;
  readonly windowClosed: boolean;
  readonly status: number | undefined;
  /** Text of the result line, which the CLI itself wrote: the result line says that it is an error. */
  readonly text: string;
  readonly stderr: string;
  readonly exitCode: number | undefined;
  /** It wrote text or used a tool. */
  readonly worked: boolean;
}

/** One line of the table. Every condition given has to hold. */
export interface Rule {
  readonly when: {
    readonly hasResult?: boolean;
    readonly subtype?: string;
    readonly terminalReason?: string;
    readonly errorWord?: readonly string[];
    readonly windowClosed?: true;
    readonly status?: readonly number[];
    readonly text?: RegExp;
    readonly stderr?: RegExp;
    readonly exitCode?: number;
    readonly worked?: boolean;
  };
  readonly category: ErrorCategory;
  readonly retryable: boolean;
  readonly source: ErrorSource;
  /** For people; `{status}` is filled in. */
  readonly message: string;
}

const WINDOW_TEXT = /hit your (\w+ )?limit|usage limit reached|\d+-hour limit reached|out of extra usage/i;

const refusedLogin = { category: "SESSION_TIMEOUT", retryable: false, source: "CCSP" } as const;
const closedWindow = { category: "USAGE_WINDOW", retryable: true, source: "PROVIDER" } as const;
const overflow = { category: "CONTEXT_OVERFLOW", retryable: false, source: "AGENT" } as const;
const badRequest = { category: "INVALID_REQUEST", retryable: false, source: "AGENT" } as const;

/** The first rule that holds counts: structured fields, then status, then text, whose wording changes between versions. */
export const RULES: readonly Rule[] = [
  {
    when: { subtype: "error_max_budget_usd" },
    category: "BUDGET_EXCEEDED",
    retryable: false,
    source: "AGENT",
    message: "limits.budget_usd is spent",
  },
  {
    when: { subtype: "error_max_turns" },
    category: "BUDGET_EXCEEDED",
    retryable: false,
    source: "AGENT",
    message: "limits.turns is used up",
  },
  { when: { terminalReason: "prompt_too_long" }, ...overflow, message: "the prompt is too long for the model" },
  { when: { windowClosed: true, status: [429] }, ...closedWindow, message: "the usage window is closed" },
  {
    when: { errorWord: ["authentication_failed", "billing_error"] },
    ...refusedLogin,
    message: "the engine's login or key is refused, or there is none",
  },
  { when: { errorWord: ["model_not_found"] }, ...badRequest, message: "the model does not exist or may not be used" },

  {
    when: { status: [401, 403] },
    ...refusedLogin,
    message: "the provider refused the engine's login or key ({status})",
  },
  { when: { status: [429], text: WINDOW_TEXT }, ...closedWindow, message: "the usage window is closed" },
  {
    when: { status: [429] },
    category: "RATE_LIMIT",
    retryable: true,
    source: "PROVIDER",
    message: "the provider limits the rate of requests (429)",
  },
  {
    when: { status: [500, 502, 503, 504, 529] },
    category: "OVERLOADED",
    retryable: true,
    source: "PROVIDER",
    message: "the provider is overloaded or broken ({status})",
  },
  {
    when: { status: [400, 413], text: /prompt is too long|too many total text bytes|context (window|limit)/i },
    ...overflow,
    message: "the conversation no longer fits the model",
  },
  { when: { status: [400, 404, 413, 422] }, ...badRequest, message: "the provider refused the request ({status})" },

  {
    when: { hasResult: true, text: /not logged in|run \/login|invalid api key|failed to authenticate|oauth token/i },
    ...refusedLogin,
    message: "the engine is not logged in",
  },
  { when: { hasResult: true, text: WINDOW_TEXT }, ...closedWindow, message: "the usage window is closed" },
  {
    // What the third refusal in a row comes to: the status is absent then.
    when: { hasResult: true, text: /\b529\b.*overloaded/i },
    category: "OVERLOADED",
    retryable: true,
    source: "PROVIDER",
    message: "the provider is overloaded",
  },
  {
    when: {
      hasResult: true,
      text: /unable to connect|connection .*(lost|error|closed)|ECONN|ENOTFOUND|EAI_AGAIN|ETIMEDOUT/i,
    },
    category: "NETWORK_ERROR",
    retryable: true,
    source: "PROVIDER",
    message: "the provider could not be reached",
  },
  {
    when: { hasResult: true, text: /No conversation found/ },
    ...badRequest,
    message: "the conversation is not known here",
  },
  {
    when: { hasResult: false, stderr: /No conversation found/ },
    ...badRequest,
    message: "the conversation is not known here",
  },

  // Also the end of a run that got SIGINT: the exit code alone proves nothing.
  {
    when: { hasResult: false, exitCode: 0, worked: false },
    category: "NO_WORK_DONE",
    retryable: true,
    source: "ENGINE",
    message: "the engine ended without doing anything",
  },
  {
    when: { hasResult: false },
    category: "ENGINE_CRASH",
    retryable: true,
    source: "ENGINE",
    message: "the engine ended without a result",
  },
];

/** Nothing above holds. */
export const UNKNOWN: Omit<Rule, "when"> = {
  category: "UNKNOWN_ERROR",
  retryable: true,
  source: "ENGINE",
  message: "the engine reported an error that is not known here",
};

/** The category of a failed request by its status alone. */
export function categoryOfStatus(status: number): ErrorCategory {
  const rule = RULES.find(({ when }) => when.status?.includes(status) && Object.keys(when).length === 1);
  return (rule ?? UNKNOWN).category;
}
