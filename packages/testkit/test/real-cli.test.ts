import assert from "node:assert/strict";
import {
  CLAUDE_CODE_BIN,
  eventually,
  hugeText,
  type LeakCheck,
  leakCheck,
  type Simulator,
  skip,
  startSimulator,
} from "@ccsp/testkit";
import { type EngineRun, engineEnv, type Line, type Run, startEngine, temporaryHome } from "./run-engine.js";

const MEGABYTE = 1024 * 1024;

describe("the real Claude Code CLI against the simulator", function () {
  let simulator: Simulator;
  let home: Awaited<ReturnType<typeof temporaryHome>>;
  let leaks: LeakCheck;
  before(() => void (leaks = leakCheck()));

  before(async function () {
    if (CLAUDE_CODE_BIN === "") skip(this, "Claude Code has no binary for this platform");
    simulator = await startSimulator();
    home = await temporaryHome();
    leaks.folder(home.path);
  });

  afterEach(() => simulator.reset());

  after(async () => {
    if (CLAUDE_CODE_BIN === "") return;
    await simulator.close();
    await home.remove();
    await leaks.check();
  });

  function start(prompt: string, env: Record<string, string | undefined> = {}, rest: Partial<EngineRun> = {}) {
    const all = { ...engineEnv(home.path, simulator.url), ...env };
    const set = Object.fromEntries(
      Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined),
    );
    return startEngine({ bin: CLAUDE_CODE_BIN, home: home.path, prompt, env: set, ...rest });
  }
  const run = (...args: Parameters<typeof start>): Promise<Run> => start(...args).ended;
  const calls = () => simulator.requests.filter((request) => request.path === "/v1/messages");

  it("gets the echo, and the simulator has seen the key, the model and the prompt", async () => {
    const { result, text, exit } = await run("hello there", {}, { flags: ["--model", "claude-sonnet-4-5"] });
    assert.equal(result?.["result"], "You said: hello there");
    assert.equal(text, "You said: hello there");
    assert.equal(exit, 0);
    const [call] = calls();
    assert.equal(call?.key, "fake-key");
    assert.equal(call?.model, "claude-sonnet-4-5");
    assert.equal(call?.prompt, "hello there");
  });

  it("streams what came before the gate while the rest is held", async () => {
    const gate = simulator.gate();
    const running = start(`[[sim:text value="first second"]] ${gate.marker.replace("]]", " after=6]]")}`);
    const soFar = () => running.lines.map((line) => line.event?.delta?.text ?? "").join("");
    await eventually(() => assert.equal(soFar(), "first "), { what: "the text before the gate" });
    assert.equal(gate.waiting(), 1);
    gate.release();
    const { text, result } = await running.ended;
    assert.equal(text, "first second");
    assert.equal(result?.["result"], "first second");
  });

  it("reports the usage that the simulator counted", async () => {
    const { result } = await run("[[sim:usage input=11 output=22 cache-read=33 cache-write=44]]");
    const { input_tokens, output_tokens, cache_read_input_tokens, cache_creation_input_tokens } = fields(
      result?.["usage"],
    );
    assert.deepEqual(
      [input_tokens, output_tokens, cache_read_input_tokens, cache_creation_input_tokens],
      [11, 22, 33, 44],
    );
  });

  it("runs a tool that the simulator asks for and brings its result back", async () => {
    const prompt = `[[sim:tool name=Bash input='{"command":"echo from-the-tool"}']] [[sim:text value=done]]`;
    const { result } = await run(prompt, {}, { flags: ["--allowedTools", "Bash"] });
    assert.equal(result?.["result"], "done");
    assert.deepEqual(calls().at(-1)?.toolResults, ["from-the-tool"]);
  });

  it("keeps multi-byte text whole when the body is cut at every byte", async () => {
    const { text, result } = await run('[[sim:text value="日本語 🙂 é 👩‍👩‍👧" split=1]]');
    assert.equal(text, "日本語 🙂 é 👩‍👩‍👧");
    assert.equal(result?.["result"], text);
  });

  it("delivers 5 MB intact when standard input stays open until the result", async () => {
    const { text, result, odd } = await run("[[sim:huge bytes=5M]]");
    assert.ok(text === hugeText(5 * MEGABYTE));
    assert.ok(result?.["result"] === hugeText(5 * MEGABYTE));
    assert.deepEqual(odd, []);
  });

  it("counts a refusal up, then lets the CLI's own retry through", async () => {
    const { lines, result } = await run("[[sim:529 times=1]] fine now", { CLAUDE_CODE_MAX_RETRIES: "1" });
    assert.deepEqual(retries(lines), [529]);
    assert.equal(result?.["result"], "You said: fine now");
  });

  it("tells of a closed window with the time when it opens, and does not retry", async () => {
    const subscription = {
      ANTHROPIC_API_KEY: undefined,
      CLAUDE_CODE_OAUTH_TOKEN: "fake-login",
      CLAUDE_CODE_MAX_RETRIES: "3",
    };
    const { lines, result } = await run("[[sim:429-window reset=3600]]", subscription);
    const { status, rateLimitType, resetsAt } =
      lines.find((line) => line.type === "rate_limit_event")?.rate_limit_info ?? {};
    assert.deepEqual([status, rateLimitType], ["rejected", "five_hour"]);
    assert.ok(Math.abs((resetsAt ?? 0) - Date.now() / 1000 - 3600) < 60);
    assert.equal(result?.["api_error_status"], 429);
    assert.deepEqual(
      calls().map((call) => call.key),
      ["fake-login"],
    );
  });

  it("asks again without streaming when the stream was cut once", async () => {
    const { text, result } = await run('[[sim:text value="one two"]] [[sim:cut after=4 times=1]]');
    assert.equal(text, "one ");
    assert.equal(result?.["result"], "one two");
    assert.deepEqual(
      calls().map((call) => [call.stream, call.outcome]),
      [
        [true, "cut"],
        [false, "sent"],
      ],
    );
  });

  it("waits on a model that never answers until it is told to stop", async () => {
    const running = start("[[sim:hang]]");
    await eventually(() => assert.equal(calls().length, 1), { what: "the call" });
    running.kill("SIGTERM");
    assert.equal((await running.ended).exit, 143);
    await eventually(() => assert.equal(calls()[0]?.outcome, "cut"));
  });
});

function retries(lines: readonly Line[]) {
  return lines.filter((line) => line.subtype === "api_retry").map((line) => line.error_status);
}

function fields(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
