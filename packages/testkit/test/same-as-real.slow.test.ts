import assert from "node:assert/strict";
import {
  CLAUDE_CODE_BIN,
  CLAUDE_CODE_VERSION,
  SCRIPTED_ENGINE,
  type Simulator,
  skip,
  startSimulator,
} from "@ccsp/testkit";
import { engineEnv, type Run, runEngine, temporaryHome } from "./run-engine.js";

/** Each failure of the scripted engine, and the way to cause the same failure in the real CLI. */
const SUBSCRIPTION = { ANTHROPIC_API_KEY: "", CLAUDE_CODE_OAUTH_TOKEN: "fake-login" };
const TOOL = `[[sim:tool name=Bash input='{"command":"true"}']]`;
interface Case {
  readonly scripted: string;
  readonly real: string;
  readonly env?: Record<string, string>;
  readonly flags?: readonly string[];
  /** The fields that a newer CLI (2.1.332) reports differently from the version that the scripted engine copies. */
  readonly newer?: Partial<ReturnType<typeof told>> & { readonly said?: string };
}
/** The version that the scripted engine copies. */
const PLAYED = "2.1.197";
const API_ERROR = { terminal: "api_error" };
const CASES: readonly Case[] = [
  { scripted: "hello", real: "hello" },
  { scripted: "[[tool:Bash]] hello", real: `${TOOL} hello`, flags: ["--allowedTools", "Bash"] },
  { scripted: "[[window:3600]] hello", real: "[[sim:window]] hello", env: SUBSCRIPTION },
  { scripted: "[[fail:401]]", real: "[[sim:401]]", env: { CLAUDE_CODE_MAX_RETRIES: "1" }, newer: API_ERROR },
  { scripted: "[[fail:login]]", real: "x", env: { ANTHROPIC_API_KEY: "" }, newer: API_ERROR },
  { scripted: "[[fail:429]]", real: "[[sim:429]]", env: { CLAUDE_CODE_MAX_RETRIES: "1" }, newer: API_ERROR },
  { scripted: "[[fail:window:3600]]", real: "[[sim:429-window reset=3600]]", env: SUBSCRIPTION, newer: API_ERROR },
  { scripted: "[[fail:500]]", real: "[[sim:500]]", env: { CLAUDE_CODE_MAX_RETRIES: "1" }, newer: API_ERROR },
  { scripted: "[[fail:529]]", real: "[[sim:529]]", env: { CLAUDE_CODE_MAX_RETRIES: "1" }, newer: API_ERROR },
  {
    scripted: "[[fail:529-repeated]]",
    real: "[[sim:529]]",
    env: { CLAUDE_CODE_MAX_RETRIES: "3" },
    newer: { ...API_ERROR, status: 529 },
  },
  {
    scripted: "[[fail:refused]]",
    real: "x",
    env: { ANTHROPIC_BASE_URL: "http://127.0.0.1:9", CLAUDE_CODE_MAX_RETRIES: "1" },
    newer: { ...API_ERROR, said: "API Error: Connection refused" },
  },
  { scripted: "[[fail:lost]]", real: "[[sim:cut after=0]]", newer: API_ERROR },
  { scripted: "[[fail:too-long]]", real: "[[sim:too-long]]" },
  { scripted: "[[fail:turns]]", real: TOOL, flags: ["--allowedTools", "Bash", "--max-turns", "1"] },
  {
    scripted: "[[fail:budget]]",
    real: `${TOOL} [[sim:usage input=100000]]`,
    flags: ["--max-budget-usd", "0.01"],
    newer: { terminal: "budget_exhausted" },
  },
];

describe("the scripted engine reports a run as the real CLI does", () => {
  let simulator: Simulator;
  let home: Awaited<ReturnType<typeof temporaryHome>>;

  before(async function () {
    if (CLAUDE_CODE_BIN === "") skip(this, "Claude Code has no binary for this platform");
    simulator = await startSimulator();
    home = await temporaryHome();
  });

  after(async () => {
    if (CLAUDE_CODE_BIN === "") return;
    await simulator.close();
    await home.remove();
  });

  for (const { scripted, real, env = {}, flags = [], newer = {} } of CASES) {
    it(`${scripted} is like ${real}${flags.length > 0 ? ` with ${flags.join(" ")}` : ""}`, async () => {
      const base = { home: home.path, env: { ...engineEnv(home.path, simulator.url), ...env }, flags };
      const [theirs, ours] = await Promise.all([
        runEngine({ ...base, bin: CLAUDE_CODE_BIN, prompt: real }),
        runEngine({ ...base, bin: SCRIPTED_ENGINE, prompt: scripted }),
      ]);
      const { said = message(ours), ...otherwise } = CLAUDE_CODE_VERSION === PLAYED ? {} : newer;
      assert.deepEqual({ ...told(ours), ...otherwise }, told(theirs));
      assert.ok(
        message(theirs).startsWith(said.replace(/\d+:\d+[ap]m.*/, "")),
        `${message(theirs)} does not start with ${said}`,
      );
      const extra = Object.keys(ours.result ?? {}).filter((key) => !(key in (theirs.result ?? {})));
      assert.deepEqual(extra, [], "fields that the real result does not have");
    });
  }
});

/**
 * The part of a run that a reader of the stream uses for its decisions: the kinds of lines, and the fields that
 * classify the outcome.
 */
function told({ lines, result, exit }: Run) {
  const ok = result?.["is_error"] === false;
  return {
    exit,
    lines: [...new Set(lines.filter((line) => ok || isOwn(line)).map(kind))].toSorted(),
    retries: lines
      .filter(({ subtype }) => subtype === "api_retry")
      .map(({ error_status, error }) => [error_status, error]),
    window: lines.find(({ type }) => type === "rate_limit_event")?.rate_limit_info?.status,
    errorClass: lines.find(({ type, error }) => type === "assistant" && error !== undefined)?.error,
    isError: result?.["is_error"],
    status: result?.["api_error_status"],
    subtype: result?.subtype,
    terminal: result?.["terminal_reason"],
    turns: result?.["num_turns"],
  };
}

/** Whether the line comes from the CLI itself and not from the model. The model's lines before a failure may differ. */
function isOwn({ type }: Run["lines"][number]): boolean {
  return !["stream_event", "assistant", "user"].includes(type);
}

function kind(line: Run["lines"][number]): string {
  return [line.type, line.subtype, line.event?.type].filter((part) => part !== undefined).join(" ");
}

function message({ result }: Run): string {
  const errors = result?.["errors"];
  return String(result?.["result"] ?? (Array.isArray(errors) ? errors[0] : ""));
}
