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
import { type EngineRun, engineEnv, type Run, startEngine, temporaryHome } from "./run-engine.js";

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
  const textSoFar = ({ lines }: ReturnType<typeof start>): string =>
    lines.map((line) => line.event?.delta?.text ?? "").join("");
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

  it("streams the text from before the gate while the rest is held", async () => {
    const gate = simulator.gate();
    const running = start(`[[sim:text value="first second"]] ${gate.marker.replace("]]", " after=6]]")}`);
    await eventually(() => assert.equal(textSoFar(running), "first "), { what: "the text before the gate" });
    assert.equal(gate.waiting(), 1);
    gate.release();
    const { text, result } = await running.ended;
    assert.equal(text, "first second");
    assert.equal(result?.["result"], "first second");
  });

  it("runs a tool that the simulator asks for and brings its result back", async () => {
    const prompt = `[[sim:tool name=Bash input='{"command":"echo from-the-tool"}']] [[sim:text value=done]]`;
    const { result } = await run(prompt, {}, { flags: ["--allowedTools", "Bash"] });
    assert.equal(result?.["result"], "done");
    assert.deepEqual(calls().at(-1)?.toolResults, ["from-the-tool"]);
  });

  it("delivers 5 MB intact when standard input stays open until the result", async () => {
    const { text, result, odd } = await run("[[sim:huge bytes=5M]]");
    assert.ok(text === hugeText(5 * MEGABYTE));
    assert.ok(result?.["result"] === hugeText(5 * MEGABYTE));
    assert.deepEqual(odd, []);
  });

  it("reports a closed window with the time when it opens, and does not retry", async () => {
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

  it("sends the request again without streaming when the stream was cut once", async () => {
    const gate = simulator.gate();
    const held = gate.marker.replace("]]", " after=4]]");
    const running = start(`[[sim:text value="one two"]] ${held} [[sim:cut after=4 times=1]]`);
    // Otherwise a busy CLI may notice the broken connection before it has reported the received text.
    await eventually(() => assert.equal(textSoFar(running), "one "), { what: "the text before the cut" });
    gate.release();
    const { text, result } = await running.ended;
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
});
