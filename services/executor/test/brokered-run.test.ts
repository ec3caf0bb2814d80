import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "@ccsp/fleet";
import { createClient } from "@ccsp/grpc-kit";
import { ExecutorServiceService } from "@ccsp/protos/ccsp/executor/v1/executor_service.js";
import { ErrorCategory } from "@ccsp/protos/ccsp/task/v1/task.js";
import { CLAUDE_CODE_BIN, eventually, skip, startOtlpReceiver } from "@ccsp/testkit";
import { pino } from "pino";
import { openSandbox } from "../src/sandbox/open.js";
import { startExecutorProcess } from "./executor-process.js";
import { startFakeQueue } from "./fake-queue.js";
import { failureOf, type Rig, resultOf, testEnv, useSimulatedCli, withRig } from "./rig.js";

const KEY = "fake-key-of-a-test";
const TOKEN = "sk-ant-oat01-fake-token-of-a-test";
/** The scripted engine asks no provider. */
const NOBODY = { CCSP_CLAUDE_CODE_BASE_URL: "http://127.0.0.1:9" };
const TRACE = "0af7651916cd43dd8448eb211c80319c";

describe("the login of an engine, where runs have a sandbox", function () {
  this.timeout(60_000);
  const { simulator, withCli } = useSimulatedCli();
  let dir: string;

  before(async function () {
    dir = await mkdtemp(join(tmpdir(), "ccsp-brokered-test-"));
    for (const name of ["t", "sandbox"]) await mkdir(join(dir, name));
    const all = { hosts: [], reads: [], writes: [], bytes: 8 * 1024 ** 2, bwrap: "bwrap", socat: "socat" };
    const { sandbox, status } = await openSandbox({
      config: { mode: "auto", network: "hosts", ...all },
      searchPath: process.env["PATH"] ?? "",
      path: "/usr/bin:/bin",
      folder: join(dir, "sandbox"),
      temporary: join(dir, "t"),
      log: pino({ level: "silent" }),
    });
    if (sandbox === undefined) skip(this, `no sandbox here: ${status.reason}`);
  });
  after(() => rm(dir, { recursive: true, force: true }));

  async function environmentIn(rig: Rig): Promise<Record<string, string>> {
    const { text } = await resultOf(rig, rig.queue.add("[[report]]"));
    const { env }: { env: Record<string, string> } = JSON.parse(text);
    return env;
  }

  it("is not in the environment of a run, be it a key or a token, and is there with `off`", async () => {
    const file = join(dir, "token.env");
    await writeFile(file, `CLAUDE_CODE_OAUTH_TOKEN=${TOKEN}\n`);
    const tokenOnly = { ...NOBODY, CCSP_CLAUDE_CODE_API_KEY: "", CCSP_CLAUDE_CODE_ENV_FILE: file };
    for (const [secret, env] of [
      [KEY, NOBODY],
      [TOKEN, tokenOnly],
    ] as const) {
      await withRig(env, async (rig) => {
        const said = JSON.stringify(await environmentIn(rig));
        assert.match(said, /the-executor-adds-the-(?:key|token)/);
        assert.ok(!said.includes(secret), said);
      });
      await withRig({ ...env, CCSP_EXECUTOR_BROKER: "off" }, async (rig) => {
        assert.ok(JSON.stringify(await environmentIn(rig)).includes(secret));
      });
    }
  });

  it("stays in the run if the engine sends it otherwise", async () => {
    const file = join(dir, "headers.env");
    await writeFile(file, "ANTHROPIC_CUSTOM_HEADERS=x-own: secret\n");
    await withRig({ ...NOBODY, CCSP_CLAUDE_CODE_ENV_FILE: file }, async (rig) => {
      const env = await environmentIn(rig);
      assert.deepEqual([env["ANTHROPIC_API_KEY"], env["ANTHROPIC_CUSTOM_HEADERS"]], [KEY, "x-own: secret"]);
    });
  });

  it("reaches the provider from a run without a network, by the real CLI", () =>
    withCli(
      async (rig) => {
        assert.equal((await resultOf(rig, rig.queue.add('[[sim:text value="as ever"]]'))).text, "as ever");
        const keys = simulator().requests.map(({ key }) => key);
        assert.deepEqual([...new Set(keys)], [KEY]);
      },
      { CCSP_EXECUTOR_BROKER: "required", CCSP_EXECUTOR_SANDBOX_NETWORK: "none" },
    ));

  it("is used for the models of the task only, also by sub-agents, and for any where the task names none", () =>
    withCli(
      async (rig) => {
        const models = async (model: string, subagent: string) => {
          simulator().reset();
          const input = JSON.stringify({ description: "asks", prompt: "hello", model: subagent });
          const task = rig.queue.add(`[[sim:tool name=Agent input='${input}']]`, { model, allowedTools: ["Agent"] });
          await resultOf(rig, task);
          const asked = simulator().requests.map(({ model: name }) => name.split("-")[1]);
          return {
            asked: new Set(asked),
            said: simulator()
              .requests.flatMap(({ said, toolResults }) => [...said, ...toolResults])
              .join("\n"),
          };
        };
        const other = await models("sonnet", "opus");
        assert.deepEqual(other.asked, new Set(["sonnet"]));
        assert.match(other.said, /403.*CCSP: a run may ask only the models of its task/);
        assert.deepEqual((await models("sonnet", "haiku")).asked, new Set(["haiku", "sonnet"]));
        assert.deepEqual((await models("", "haiku")).asked, new Set(["haiku", "opus"]));
        assert.deepEqual((await models("", "sonnet")).asked, new Set(["opus", "sonnet"]));
      },
      { CCSP_EXECUTOR_BROKER: "required" },
    ));

  it("is another from the next request on, also of a run under way, when the operator replaces it in the file", async () => {
    const file = join(dir, "replaced.env");
    await writeFile(file, "ANTHROPIC_API_KEY=fake-first\n");
    const gate = simulator().gate();
    const say = '[[sim:tool name=Bash input=\'{"command":"true","description":"does nothing"}\']]';
    await withCli(
      async (rig) => {
        const task = rig.queue.add(`${say}${gate.marker}`, { allowedTools: ["Bash"] });
        await gate.reached;
        await writeFile(file, "ANTHROPIC_API_KEY=fake-second\n");
        gate.release();
        await resultOf(rig, task);
        const keys = simulator()
          .requests.filter(({ path }) => path.startsWith("/v1/messages"))
          .map(({ key }) => key);
        assert.deepEqual(keys, ["fake-first", "fake-second"]);
      },
      { CCSP_CLAUDE_CODE_API_KEY: "", CCSP_CLAUDE_CODE_ENV_FILE: file },
    );
  });

  it("lets the broker tell how long the provider asks to wait, and what a run had used that is ended in its answer", () =>
    withCli(async (rig) => {
      const { category, retryAfter } = await failureOf(rig, rig.queue.add("[[sim:429 retry-after=3000]]"));
      assert.equal(ErrorCategory[category], "RATE_LIMIT");
      assert.ok(Number(retryAfter?.seconds) > 2_900 && Number(retryAfter?.seconds) <= 3_000, `${retryAfter?.seconds}`);
      const text = `[[sim:text value="${"word ".repeat(400)}"]][[sim:usage input=11 output=700]]`;
      const task = rig.queue.add(`${text}[[sim:hang-mid after=800]]`, { model: "claude-sonnet-4-5" });
      await eventually(() => assert.ok(rig.queue.textOf(task).length >= 700), { timeoutMs: 30_000 });
      rig.queue.cancel(task);
      const ended = await rig.ended(task);
      const { usage, costUsd = 0 } = ended.how === "fail" ? ended.request : assert.fail(ended.how);
      assert.equal(usage?.inputTokens, 11n);
      assert.ok(usage.outputTokens >= 150n && usage.outputTokens < 700n, `${usage.outputTokens}`);
      assert.ok(costUsd > 0.002 && costUsd < 0.02, `${costUsd}`);
    }));

  it("is required: an executor that would put it into a run does not start, and says why", async () => {
    const cases = [
      [{ CCSP_EXECUTOR_SANDBOX: "off" }, /CCSP_EXECUTOR_BROKER is required.*CCSP_EXECUTOR_SANDBOX is off/],
      [{ CCSP_EXECUTOR_SANDBOX_NETWORK: "full" }, /CCSP_EXECUTOR_BROKER is required.*NETWORK is full/],
      [{ CCSP_CLAUDE_CODE_API_KEY: "" }, /CCSP_EXECUTOR_BROKER is required.*the login of engine claude-code/],
    ] as const;
    for (const [env, says] of cases) {
      const lines: string[] = [];
      const queue = await startFakeQueue();
      const full = { ...testEnv(queue.port, dir), ...NOBODY, ...env, CCSP_EXECUTOR_BROKER: "required" };
      const executor = await startExecutorProcess(full, (line) => void lines.push(line));
      assert.notEqual((await executor.exited).code, 0);
      assert.match(lines.join("\n"), says);
      await queue.close();
    }
  });

  it("is told by GetExecutorStatus, and each message to the model is a span below that of the run", async () => {
    const queue = await startFakeQueue();
    const traces = await startOtlpReceiver();
    const address = `127.0.0.1:${await freePort()}`;
    const executor = await startExecutorProcess({
      ...testEnv(queue.port, dir),
      CCSP_CLAUDE_CODE_BIN: CLAUDE_CODE_BIN,
      CCSP_CLAUDE_CODE_BASE_URL: simulator().url,
      CCSP_EXECUTOR_LISTEN: address,
      OTEL_EXPORTER_OTLP_ENDPOINT: traces.endpoint,
      OTEL_SERVICE_NAME: "executor",
    });
    const client = createClient(ExecutorServiceService, address);
    try {
      const { engines } = await client.getExecutorStatus({});
      assert.deepEqual(
        engines.map(({ brokered }) => brokered),
        [true],
      );
      const traceparent = `00-${TRACE}-b7ad6b7169203331-01`;
      const usage = "[[sim:usage input=11 output=7 cache-read=3]]";
      const task = queue.add(`[[sim:text value="well"]]${usage}`, { model: "claude-sonnet-4-5" }, { traceparent });
      await eventually(() => assert.equal(queue.recordOf(task).ended?.how, "complete"), { timeoutMs: 45_000 });
      await executor.stop();
      const spans = traces.trace(TRACE);
      const [run] = spans.filter(({ name }) => name === "engine.run claude-code");
      const chats = spans.filter(({ name }) => name.startsWith("chat"));
      assert.deepEqual(
        chats.map(({ name, kind, parentSpanId }) => [name, kind, parentSpanId]),
        [["chat claude-sonnet-4-5", "client", run?.spanId]],
      );
      const attributes = chats[0]?.attributes ?? {};
      assert.deepEqual(
        ["input_tokens", "output_tokens", "cache_read.input_tokens"].map((name) => attributes[`gen_ai.usage.${name}`]),
        [14, 7, 3],
      );
      assert.equal(attributes["http.response.status_code"], 200);
      assert.deepEqual(attributes["gen_ai.response.finish_reasons"], ["end_turn"]);
      assert.ok(Number(attributes["gen_ai.response.time_to_first_chunk"]) > 0);
    } finally {
      client.close();
      await executor.stop();
      await traces.close();
      await queue.close();
    }
  });
});
