import type { ErrorCategory, PermissionMode } from "@ccsp/engine-kit";
import type { RecordedCase } from "@ccsp/engine-kit/conformance";
import type { Behaviour } from "@ccsp/testkit";

/** One run of the real Claude Code CLI against the simulator, and its expected outcome. */
export interface Case extends RecordedCase {
  /**
   * What the simulator answers if the prompt has no marker: one answer for all requests, or one for each request in
   * turn.
   */
  readonly answers?: Behaviour | readonly Behaviour[];
  /** The prompt of an earlier run. This run continues its conversation. */
  readonly after?: string;
  /** Sent to the run's process group once it waits for the model. */
  readonly signal?: NodeJS.Signals;
  /** A category, or the text of a success. `or`: another outcome that some version may have. */
  readonly expects: { readonly category: ErrorCategory } | { readonly text: string; readonly or?: ErrorCategory };
}

const saying = (text: string): string =>
  `[[sim:tool name=Bash input='{"command":"echo hi","description":"says it"}' say="${text}"]]`;
const TOOL = `[[sim:tool name=Bash input='{"command":"echo You have hit your limit","description":"says it"}']]`;
const LOGIN = { CCSP_CLAUDE_CODE_ENV_FILE: "CLAUDE_CODE_OAUTH_TOKEN=fake-login\n" };
const NO_LOGIN = { CCSP_CLAUDE_CODE_ENV_FILE: "\n" };
const NO_KEY = { CCSP_CLAUDE_CODE_API_KEY: "" };
const ONCE = { CCSP_CLAUDE_CODE_MAX_RETRIES: "1" };

/** Every wording that the rules know. A normal answer may quote each of them. */
const QUOTES =
  "API Error: 529 Overloaded. You've hit your session limit · resets 3am. 5-hour limit reached. Not logged in · Please run /login. " +
  "Invalid API key. prompt is too long. Unable to connect to API (ConnectionRefused). No conversation found with session ID: x";

const refusal = (status: number, type: string, message: string): Behaviour => ({
  kind: "fault",
  status,
  type,
  message,
});

const USED = "[[sim:usage input=11 output=7 cache-read=3 cache-write=2]]";
const uses = (name: string, input: Readonly<Record<string, unknown>>): Behaviour => ({
  kind: "answer",
  tool: { name, input },
});
const says = (text: string): Behaviour => ({ kind: "answer", text });

export const CASES: readonly Case[] = [
  {
    name: "success",
    prompt: '[[sim:text value="日本語 🎉 done"]] [[sim:usage input=11 output=7 cache-read=3 cache-write=2]]',
    request: { model: "claude-sonnet-4-5" },
    expects: { text: "日本語 🎉 done" },
  },
  {
    name: "window-open",
    prompt: "[[sim:window]] hello",
    env: NO_KEY,
    files: LOGIN,
    expects: { text: "You said: hello" },
  },
  { name: "quoted-errors", prompt: `[[sim:text value="${QUOTES}"]]`, expects: { text: QUOTES } },
  {
    name: "quoted-errors-of-a-tool",
    prompt: `${TOOL} [[sim:text value="${QUOTES}"]]`,
    request: { allowedTools: ["Bash"] },
    expects: { text: QUOTES },
  },
  { name: "tool-denied", prompt: `${TOOL} [[sim:text value="without it"]]`, expects: { text: "without it" } },
  {
    name: "said-before-a-tool",
    prompt: `${saying("Let me look.")} [[sim:text value="It says hi."]]`,
    request: { allowedTools: ["Bash"] },
    expects: { text: "It says hi." },
  },
  {
    name: "cut-once",
    prompt: '[[sim:text value="one two"]] [[sim:cut after=4 times=1]]',
    expects: { text: "one two" },
  },
  {
    name: "cut-twice",
    prompt: '[[sim:text value="half a PONG"]] [[sim:cut after=7 times=2]]',
    env: ONCE,
    // CLI 2.1.332 begins a new stream, and makes a third request. CLI 2.1.197 makes two requests only.
    expects: { text: "half a PONG", or: "NETWORK_ERROR" },
  },
  {
    name: "cut-and-another",
    prompt: "hello",
    env: ONCE,
    answers: [
      { kind: "answer", text: "half a PING", stopAfter: { how: "cut", characters: 7 } },
      { kind: "answer", text: "wholly another" },
    ],
    expects: { text: "wholly another" },
  },
  { name: "overloaded-once", prompt: "[[sim:529 times=1]] hello", env: ONCE, expects: { text: "You said: hello" } },

  {
    name: "permission-denied",
    prompt: `[[sim:tool name=Bash input='{"command":"touch never","description":"writes"}']] [[sim:text value="without it"]]`,
    expects: { text: "without it" },
  },
  {
    // CLI 2.1.332 starts the sub-agent in the background. So the sub-agent's answer and the turn after it follow the
    // first result.
    name: "sub-agent",
    prompt: `[[sim:tool name=Agent input='{"description":"looks","prompt":"[[sim:text value=found]]","subagent_type":"general-purpose"}']] [[sim:text value="the end"]]`,
    expects: { text: "the end" },
  },
  {
    name: "background-command",
    prompt: "hello",
    request: { allowedTools: ["Bash"] },
    answers: [
      uses("Bash", { command: "sleep 2", description: "waits", run_in_background: true }),
      says("it runs"),
      says("it is done"),
    ],
    expects: { text: "it is done" },
  },
  {
    name: "resumed",
    after: `[[sim:text value="before"]] ${USED}`,
    prompt: `[[sim:text value="and after"]] ${USED}`,
    request: { model: "claude-sonnet-4-5" },
    expects: { text: "and after" },
  },

  { name: "bad-key", prompt: "[[sim:401]]", env: ONCE, expects: { category: "SESSION_TIMEOUT" } },
  { name: "no-login", prompt: "hello", env: NO_KEY, files: NO_LOGIN, expects: { category: "SESSION_TIMEOUT" } },
  {
    name: "forbidden",
    prompt: "hello",
    answers: refusal(403, "permission_error", "Your API key does not have permission to use the specified resource."),
    expects: { category: "ACCESS_DENIED" },
  },
  { name: "forbidden-by-a-proxy", prompt: "[[sim:html status=403]]", expects: { category: "ACCESS_DENIED" } },
  {
    name: "no-credit",
    prompt: "hello",
    answers: refusal(400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
    expects: { category: "SESSION_TIMEOUT" },
  },
  { name: "rate-limit", prompt: "[[sim:429]]", env: ONCE, expects: { category: "RATE_LIMIT" } },
  {
    name: "rate-limit-of-a-login",
    prompt: "[[sim:429]]",
    env: { ...NO_KEY, ...ONCE },
    files: LOGIN,
    expects: { category: "RATE_LIMIT" },
  },
  {
    name: "window-closed",
    prompt: "[[sim:429-window reset=3600]]",
    env: NO_KEY,
    files: LOGIN,
    expects: { category: "USAGE_WINDOW" },
  },
  { name: "overloaded", prompt: "[[sim:529]]", env: ONCE, expects: { category: "OVERLOADED" } },
  {
    name: "overloaded-repeatedly",
    prompt: "[[sim:529]]",
    env: { CCSP_CLAUDE_CODE_MAX_RETRIES: "3" },
    expects: { category: "OVERLOADED" },
  },
  { name: "server-error", prompt: "[[sim:500]]", env: ONCE, expects: { category: "OVERLOADED" } },
  {
    name: "bad-gateway",
    prompt: "hello",
    answers: refusal(502, "api_error", "Bad gateway"),
    expects: { category: "OVERLOADED" },
  },
  { name: "html-in-its-place", prompt: "[[sim:html]]", expects: { category: "NETWORK_ERROR" } },
  {
    name: "json-in-its-place",
    prompt: "hello",
    answers: { kind: "raw", status: 200, contentType: "application/json", body: '{"error":"upstream is down"}' },
    expects: { category: "NETWORK_ERROR" },
  },
  {
    name: "connection-refused",
    prompt: "hello",
    env: { ...ONCE, CCSP_CLAUDE_CODE_BASE_URL: "http://127.0.0.1:1" },
    expects: { category: "NETWORK_ERROR" },
  },
  {
    name: "connection-cut",
    prompt: "[[sim:text value=never]] [[sim:cut after=0]]",
    expects: { category: "NETWORK_ERROR" },
  },
  {
    name: "no-such-host",
    prompt: "hello",
    env: { CCSP_CLAUDE_CODE_BASE_URL: "http://no-such-host.invalid" },
    expects: { category: "NETWORK_ERROR" },
  },
  { name: "bad-request", prompt: "[[sim:nonsense]]", expects: { category: "INVALID_REQUEST" } },
  {
    name: "no-such-model",
    prompt: "hello",
    request: { model: "no-such-model" },
    answers: refusal(404, "not_found_error", "model: no-such-model"),
    expects: { category: "INVALID_REQUEST" },
  },
  {
    name: "no-such-conversation",
    prompt: "hello",
    request: {
      conversation: {
        from: { id: "00000000-0000-4000-8000-000000000000", transcript: Buffer.from("") },
        fork: false,
      },
    },
    expects: { category: "INVALID_REQUEST" },
  },
  { name: "too-long", prompt: "[[sim:too-long]]", expects: { category: "CONTEXT_OVERFLOW" } },
  {
    name: "request-too-large",
    prompt: "hello",
    answers: refusal(413, "request_too_large", "Request exceeds the maximum size"),
    expects: { category: "INVALID_REQUEST" },
  },
  {
    name: "turns-used-up",
    prompt: TOOL,
    request: { allowedTools: ["Bash"], limits: { wallMs: 60_000, outputBytes: 1e7, turns: 1, budgetUsd: undefined } },
    expects: { category: "BUDGET_EXCEEDED" },
  },
  {
    name: "budget-spent",
    prompt: `${TOOL} [[sim:usage input=110000 output=700000]]`,
    request: { limits: { wallMs: 60_000, outputBytes: 1e7, turns: undefined, budgetUsd: 0.01 } },
    expects: { category: "BUDGET_EXCEEDED" },
  },
  {
    name: "empty-success",
    prompt: "hello",
    answers: { kind: "answer", text: "" },
    expects: { category: "NO_WORK_DONE" },
  },
  // The CLI exits with 0 after SIGINT.
  { name: "interrupted", prompt: "[[sim:hang]]", signal: "SIGINT", expects: { category: "NO_WORK_DONE" } },
  { name: "terminated", prompt: "[[sim:hang]]", signal: "SIGTERM", expects: { category: "ENGINE_CRASH" } },
  { name: "killed", prompt: "[[sim:hang]]", signal: "SIGKILL", expects: { category: "ENGINE_CRASH" } },
  {
    name: "bad-option",
    prompt: "hello",
    // Shows the CLI's message for an option, or for a value of an option, that it does not support.
    request: { permissionMode: "no-such-mode" as PermissionMode },
    expects: { category: "ENGINE_CRASH" },
  },
  {
    name: "refusal",
    prompt: '[[sim:text value="I cannot"]] [[sim:stop reason=refusal]]',
    expects: { category: "MODEL_REFUSED" },
  },
  {
    name: "cut-off",
    prompt: "hello",
    answers: { kind: "answer", text: "half of", stopReason: "max_tokens" },
    expects: { category: "ANSWER_CUT_OFF" },
  },
  {
    name: "teapot",
    prompt: "hello",
    answers: refusal(418, "api_error", "The pot is short and stout"),
    expects: { category: "UNKNOWN_ERROR" },
  },
];
