import type { ErrorCategory, Usage } from "@ccsp/engine-kit";
import type { RecordedCase } from "@ccsp/engine-kit/conformance";

/** One run of the real CLI against the simulator, and its expected outcome. */
export interface Case extends RecordedCase {
  readonly expects: Expected;
}

export interface Expected {
  readonly category?: ErrorCategory;
  /** The whole text of a success. */
  readonly text?: string;
  /** The text as it came while it was written, when that differs. */
  readonly told?: string;
  readonly usage?: Usage;
  readonly turns?: number;
  readonly tools?: readonly string[];
  readonly notices?: readonly string[];
  readonly retryAfter?: boolean;
}

const BASH = `[[sim:tool name=bash input='{"command":"echo from-the-tool","description":"says it"}']]`;
const SAYING = `[[sim:tool name=bash input='{"command":"echo hi","description":"says it"}' say="Let me look."]]`;
const TASK = `[[sim:tool name=task input='{"description":"help","prompt":"help me","subagent_type":"general"}']]`;

const QUOTES =
  "Model not found: x. Unauthorized. API key is missing. Overloaded. Unable to connect. ECONNREFUSED. 429 Too Many Requests. permission rejected";

const GO_ON = "Continue if you have next steps, or stop and ask for clarification if you are unsure how to proceed.";

export const CASES: readonly Case[] = [
  {
    name: "answer",
    prompt: '[[sim:text value="Grüße, 日本語 🎉"]] [[sim:usage input=11 output=7 cache-read=3 cache-write=2]]',
    expects: {
      text: "Grüße, 日本語 🎉",
      turns: 1,
      usage: { inputTokens: 11, outputTokens: 7, cacheReadTokens: 3, cacheCreationTokens: 2 },
    },
  },
  {
    name: "tool",
    prompt: `${BASH} [[sim:text value=done]] [[sim:usage input=5 output=1]]`,
    env: { CCSP_OPENCODE_TOOLS: "bash" },
    expects: {
      text: "done",
      turns: 2,
      tools: ["bash"],
      usage: { inputTokens: 10, outputTokens: 2, cacheReadTokens: 0, cacheCreationTokens: 0 },
    },
  },
  {
    name: "tool-denied",
    prompt: `${BASH} [[sim:text value="without it"]]`,
    expects: { text: "without it", turns: 2, tools: ["bash"] },
  },
  {
    name: "tool-rejected",
    prompt: `${BASH} [[sim:text value=never]]`,
    files: { CCSP_OPENCODE_ENV_FILE: 'OPENCODE_PERMISSION={"bash":"ask"}\n' },
    expects: { category: "PERMISSION_DENIED", tools: ["bash"] },
  },
  {
    name: "subagent",
    prompt: `${TASK} [[sim:text value=done]] [[sim:usage input=5 output=1]]`,
    env: { CCSP_OPENCODE_TOOLS: "task" },
    expects: {
      text: "done",
      turns: 2,
      tools: ["task"],
      // Two answers of the run itself and one of the sub-agent.
      usage: { inputTokens: 12, outputTokens: 7, cacheReadTokens: 0, cacheCreationTokens: 0 },
    },
  },
  {
    name: "summary",
    prompt: "[[sim:text value=long]] [[sim:usage input=190000 output=5]]",
    // The conversation is full: OpenCode summarizes it and tells itself to continue.
    expects: {
      text: `You said: ${GO_ON}`,
      told: `longYou said: ${GO_ON}`,
      turns: 3,
    },
  },
  {
    name: "quoted-errors",
    // An answer stays an answer, whatever it quotes.
    prompt: `[[sim:text value="${QUOTES}"]]`,
    expects: { text: QUOTES, turns: 1 },
  },
  { name: "bad-key", prompt: "[[sim:401]]", expects: { category: "SESSION_TIMEOUT" } },
  {
    name: "rate-limit",
    prompt: "[[sim:429 retry-after=77]]",
    expects: {
      category: "RATE_LIMIT",
      notices: ["RATE_LIMIT the provider answered 429; no more retries"],
      retryAfter: true,
    },
  },
  {
    name: "overloaded-once",
    prompt: "[[sim:529 times=1]] hello",
    expects: { text: "You said: hello", notices: ["OVERLOADED the provider answered 529; retry 1 of 1"] },
  },
  {
    name: "overloaded",
    prompt: "[[sim:529]]",
    env: { CCSP_OPENCODE_MAX_RETRIES: "0" },
    expects: { category: "OVERLOADED", notices: ["OVERLOADED the provider answered 529; no more retries"] },
  },
  {
    name: "said-before-a-tool",
    prompt: `${SAYING} [[sim:text value="It says hi."]]`,
    env: { CCSP_OPENCODE_TOOLS: "bash" },
    expects: { text: "It says hi.", told: "Let me look.It says hi.", turns: 2, tools: ["bash"] },
  },
  {
    name: "refusal",
    prompt: '[[sim:text value="I cannot"]] [[sim:stop reason=refusal]]',
    expects: { category: "MODEL_REFUSED", told: "I cannot" },
  },
  {
    name: "cut-off",
    prompt: '[[sim:text value="half of"]] [[sim:stop reason=max_tokens]]',
    expects: { category: "ANSWER_CUT_OFF", told: "half of" },
  },
  { name: "forbidden", prompt: "[[sim:403]]", expects: { category: "ACCESS_DENIED" } },
  { name: "forbidden-by-a-proxy", prompt: "[[sim:html status=403]]", expects: { category: "ACCESS_DENIED" } },
  { name: "html-in-its-place", prompt: "[[sim:html]]", expects: { category: "NETWORK_ERROR" } },
  { name: "too-long", prompt: "[[sim:too-long]]", expects: { category: "CONTEXT_OVERFLOW" } },
  {
    name: "refused",
    prompt: "hello",
    env: { CCSP_OPENCODE_MAX_RETRIES: "0", CCSP_OPENCODE_BASE_URL: "http://127.0.0.1:1/v1" },
    expects: {
      category: "NETWORK_ERROR",
      notices: ["NETWORK_ERROR the provider could not be reached; no more retries"],
    },
  },
  {
    name: "cut-once",
    prompt: '[[sim:text value="one two three four"]] [[sim:cut after=7 times=1]]',
    expects: {
      text: "one two three four",
      notices: ["NETWORK_ERROR the provider could not be reached; retry 1 of 1"],
    },
  },
  {
    name: "cut",
    prompt: '[[sim:text value="one two three four"]] [[sim:cut after=7]]',
    env: { CCSP_OPENCODE_MAX_RETRIES: "0" },
    expects: {
      category: "NETWORK_ERROR",
      told: "one two",
      notices: ["NETWORK_ERROR the provider could not be reached; no more retries"],
    },
  },
  {
    name: "no-such-model",
    prompt: "hello",
    request: { model: "no-such-model" },
    expects: { category: "INVALID_REQUEST" },
  },
  {
    name: "no-such-provider",
    prompt: "hello",
    request: { model: "nobody/nothing" },
    expects: { category: "INVALID_REQUEST" },
  },
];
