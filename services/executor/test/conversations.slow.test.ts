import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import { type Client, createClient } from "@ccsp/grpc-kit";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { ErrorCategory, type Task, type TaskResult, TaskSpec, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import {
  engineProcesses,
  eventually,
  type Simulator,
  simulatedEngine,
  startServiceProcess,
  startSimulator,
} from "@ccsp/testkit";
import { findProcesses } from "../src/supervision/kill.js";
import { startExecutorProcess } from "./executor-process.js";
import { testEnv } from "./rig.js";

const QUEUE = fileURLToPath(new URL("../../queue", import.meta.url));

describe("conversations, with the real CLI and the real queue", function () {
  this.timeout(120_000);
  const opened: (() => Promise<unknown>)[] = [];
  const shared: (() => Promise<unknown>)[] = [];
  let dir: string;
  let redis: RedisServer;
  let simulator: Simulator;
  let target: string;
  let queue: Client<QueueServiceService> & { close(): void };
  before(async () => {
    simulator = await startSimulator();
    shared.push(() => simulator.close());
    redis = await startRedis();
    shared.push(() => redis.stop());
    const service = await startServiceProcess({
      name: "queue",
      folder: QUEUE,
      env: {
        PATH: process.env["PATH"] ?? "",
        CCSP_REDIS_URL: redis.url,
        CCSP_CONSUL_URL: "",
        CCSP_QUEUE_CONVERSATION_AFFINITY: "500ms",
      },
    });
    shared.push(() => service.stop());
    target = service.address;
    queue = createClient(QueueServiceService, target);
    shared.push(async () => queue.close());
  });
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "ccsp-conversations-test-"));
    opened.push(() => rm(dir, { recursive: true, force: true }));
  });
  const closeAll = async (list: (() => Promise<unknown>)[]) => {
    for (const close of list.splice(0).toReversed()) await close();
  };
  afterEach(() => closeAll(opened));
  after(() => closeAll(shared));

  /** Starts an executor with a folder of its own. `restored` lists the sources of its conversations. */
  const start = async (id: string, more: Record<string, string> = {}) => {
    const restored: string[] = [];
    const folder = join(dir, id);
    const executor = await startExecutorProcess(
      {
        ...testEnv(0, dir),
        ...simulatedEngine(simulator),
        CCSP_QUEUE_TARGET: target,
        CCSP_EXECUTOR_ID: id,
        CCSP_EXECUTOR_DIR: folder,
        ...more,
      },
      (line) => {
        const from = /"from":"(disk|queue)".*conversation restored/.exec(line)?.[1];
        if (from) restored.push(from);
      },
    );
    opened.push(() => executor.stop());
    return { restored, folder, stop: () => executor.stop() };
  };

  const run = async (
    prompt: string,
    conversation?: { id: string; fork: boolean },
    more: Partial<TaskSpec> = {},
  ): Promise<Task> => {
    const spec = TaskSpec.fromPartial({
      engine: "claude-code",
      prompt,
      ...(conversation && { conversation }),
      ...more,
    });
    const { task } = await queue.enqueue({ agentId: "agent", spec, requestId: "" });
    const ended = await eventually(
      async () => {
        const got = await queue.get({ taskId: task?.id ?? "", agentId: "agent" });
        assert.ok((got.task?.endTime ?? undefined) !== undefined, "still runs");
        return got.task;
      },
      { timeoutMs: 40_000, what: `the end of ${prompt}` },
    );
    assert.ok(ended);
    return ended;
  };
  const resultOf = async (...asked: Parameters<typeof run>): Promise<TaskResult> => {
    const { state, result, error } = await run(...asked);
    assert.equal(state, TaskState.SUCCEEDED, error?.message);
    assert.ok(result);
    return result;
  };
  const asked = () => simulator.requests.findLast(({ path }) => path === "/v1/messages");
  /** All text that the newest request sent to the model. */
  const told = (): string => asked()?.said.join("\n") ?? "";
  const answer = (text: string) => `[[sim:text value="${text}"]]`;

  it("continue in separate folders until their executor and its disk are gone, and then on another executor", async () => {
    const first = await start("first");
    const { conversationId: id } = await resultOf(`${answer("blue it is")} the colour is blue`, {
      id: "",
      fork: false,
    });
    assert.notEqual(id, "");
    const second = await resultOf(`${answer("second answer")} which colour?`, { id, fork: false });
    assert.equal(second.conversationId, id);
    assert.match(told(), /the colour is blue[^]*blue it is[^]*which colour\?/);
    assert.deepEqual(first.restored, ["disk"]);
    // The executor removes the copy of the previous turn when the run is over. The result does not wait for that.
    const copies = await eventually(async () => {
      const found = await readdir(join(first.folder, "conversations"));
      assert.equal(found.length, 1, found.join());
      return found;
    });
    assert.equal((await stat(join(first.folder, "conversations", copies[0] ?? ""))).mode & 0o777, 0o600);

    await first.stop();
    await rm(first.folder, { recursive: true });
    const other = await start("other");
    await resultOf("and elsewhere?", { id, fork: false });
    assert.match(told(), /the colour is blue[^]*which colour\?[^]*second answer[^]*and elsewhere\?/);
    assert.deepEqual(other.restored, ["queue"]);
    await resultOf("and once more?", { id, fork: false });
    assert.match(told(), /the colour is blue[^]*and elsewhere\?[^]*and once more\?/);
    assert.deepEqual(other.restored, ["queue", "disk"]);
  });

  it("include the previous turn as soon as its result exists, however slow the disk is", async () => {
    const slow = new URL("slow-rename.mjs", import.meta.url).href;
    const only = await start("only", { NODE_OPTIONS: `--import ${slow}` });
    const { conversationId: id } = await resultOf("turn one", { id: "", fork: false });
    for (const [number, before] of [
      ["two", /turn one/],
      ["three", /turn one[^]*turn two/],
    ] as const) {
      await resultOf(`turn ${number}`, { id, fork: false });
      assert.match(told(), before);
    }
    assert.deepEqual(only.restored, ["disk", "disk"]);
  });

  it("are forked without being changed, and a task without a conversation has none", async () => {
    await start("only");
    const { conversationId: id } = await resultOf("the root", { id: "", fork: false });
    const fork = await resultOf("the branch", { id, fork: true });
    assert.notEqual(fork.conversationId, id);
    assert.match(told(), /the root[^]*the branch/);
    await resultOf("the trunk", { id, fork: false });
    assert.match(told(), /the root[^]*the trunk/);
    assert.doesNotMatch(told(), /the branch/);
    await resultOf("the leaf", { id: fork.conversationId, fork: false });
    assert.match(told(), /the root[^]*the branch[^]*the leaf/);
    assert.doesNotMatch(told(), /the trunk/);
    assert.equal((await resultOf("alone")).conversationId, "");
  });

  it("send each turn and fork with its own system prompt and model, or with the engine's own if it names none", async () => {
    await start("only");
    const reached = (): readonly unknown[] => [
      asked()?.model,
      asked()
        ?.system.match(/SYSTEM-\w+/g)
        ?.join() ?? "none",
    ];
    await resultOf("alone");
    const [ownModel] = reached();
    const begin = { systemPrompt: "SYSTEM-one", model: "claude-haiku-4-5" };
    assert.notEqual(ownModel, begin.model);
    const { conversationId: id } = await resultOf("the root", { id: "", fork: false }, begin);
    assert.deepEqual(reached(), [begin.model, "SYSTEM-one"]);
    await resultOf("a branch", { id, fork: true }, { systemPrompt: "SYSTEM-branch", model: "claude-sonnet-4-5" });
    assert.deepEqual(reached(), ["claude-sonnet-4-5", "SYSTEM-branch"]);
    await resultOf("the next", { id, fork: false }, { systemPrompt: "SYSTEM-two" });
    assert.deepEqual(reached(), [ownModel, "SYSTEM-two"]);
    await resultOf("the last", { id, fork: false }, { model: begin.model });
    assert.deepEqual(reached(), [begin.model, "none"]);
    assert.match(told(), /the root[^]*the next[^]*the last/);
  });

  it("may begin in a waiting process, and continue from there", async () => {
    await start("only", { CCSP_EXECUTOR_WARM: "1" });
    const begin = { id: "", fork: false };
    for (const prompt of ["one", "two"]) await resultOf(prompt, begin);
    const waiting = () => findProcesses(({ executorId, run }) => executorId === "only" && run.startsWith("warm-"));
    const [pid = 0] = await eventually(
      async () => {
        const pids = engineProcesses(await waiting());
        assert.equal(pids.length, 1);
        return pids;
      },
      { timeoutMs: 45_000 },
    );
    const { conversationId: id } = await resultOf("the root", begin);
    assert.ok(!(await waiting()).includes(pid), "still waits");
    await resultOf("the next", { id, fork: false });
    assert.match(told(), /the root[^]*the next/);
  });

  it("end with a failure that says so when their transcript no longer exists", async () => {
    const only = await start("only", { CCSP_EXECUTOR_CONVERSATION_BYTES: "0" });
    const { conversationId: id } = await resultOf("the root", { id: "", fork: false });
    assert.deepEqual(await readdir(join(only.folder, "conversations")), []);
    await resultOf("restored from the queue", { id, fork: false });
    assert.deepEqual(only.restored, ["queue"]);
    const connection = connect(redis.port, "127.0.0.1");
    connection.write("DEL ccsp:queue:{0}:transcripts\r\n");
    await once(connection, "data");
    connection.destroy();
    const { state, error } = await run("from nothing", { id, fork: false });
    assert.equal(state, TaskState.FAILED);
    assert.equal(error?.category, ErrorCategory.INVALID_REQUEST);
    assert.match(error?.message ?? "", /^conversation: /);
  });

  it("leave nothing in the home of the operator's login", async () => {
    const home = join(dir, "home");
    await start("only", { CCSP_CLAUDE_CODE_HOME: home });
    const { conversationId: id } = await resultOf("the root", { id: "", fork: false });
    await resultOf("the next", { id, fork: false });
    assert.match(told(), /the root[^]*the next/);
    await resultOf("alone");
    assert.deepEqual(await readdir(join(home, ".claude", "projects")).catch(() => []), []);
  });
});
