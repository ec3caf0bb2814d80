import assert from "node:assert/strict";
import { ErrorCategory, PermissionMode } from "@ccsp/protos/ccsp/task/v1/task.js";
import { engineProcesses, eventually, skip } from "@ccsp/testkit";
import { commandLineOf, expectProcesses, processesOf } from "./processes.js";
import { failureOf, type Rig, resultOf, useSimulatedCli } from "./rig.js";

const eventsOf = (rig: Rig, task: string) => rig.queue.recordOf(task).reports.flatMap(({ events }) => events);

describe("the executor with the real Claude Code CLI", function () {
  this.timeout(120_000);
  const { simulator, withCli } = useSimulatedCli();

  it("streams an answer and returns it with usage, cost, version, model and the resources of its processes", () =>
    withCli(async (rig) => {
      const task = rig.queue.add(
        '[[sim:text value="日本語 🎉 is fine" split=1]][[sim:usage input=11 output=7 cache-read=3]]',
        {
          systemPrompt: "Be brief, says the test.",
          model: "claude-sonnet-4-5",
        },
      );
      const result = await resultOf(rig, task);
      assert.equal(result.text, "日本語 🎉 is fine");
      assert.equal(rig.queue.textOf(task), "日本語 🎉 is fine");
      assert.deepEqual(
        [result.usage?.inputTokens, result.usage?.outputTokens, result.usage?.cacheReadTokens],
        [11n, 7n, 3n],
      );
      assert.ok((result.costUsd ?? 0) > 0);
      assert.ok((result.resources?.peakMemoryBytes ?? 0n) > 0n && result.resources?.cpuTime !== undefined);
      assert.match(result.engineVersion, /^2\.\d+\.\d+$/);
      assert.equal(result.model, "claude-sonnet-4-5");
      const call = simulator().requests.find(({ path }) => path.startsWith("/v1/messages"));
      assert.equal(call?.model, "claude-sonnet-4-5");
      assert.match(JSON.stringify(call?.system), /Be brief, says the test/);
    }));

  it("blames the task for a 403 while its login is answered, and the login when that is refused as well", () =>
    withCli(async (rig) => {
      const own = await failureOf(rig, rig.queue.add("[[sim:403]]", { model: "claude-for-others" }));
      assert.deepEqual([ErrorCategory[own.category], own.retryable], ["ACCESS_DENIED", false]);
      assert.deepEqual(
        simulator()
          .requests.filter(({ path }) => path === "/v1/messages")
          .map(({ prompt }) => prompt),
        ["[[sim:403]]", "Hi"],
      );
      const refused = { kind: "fault", status: 403, type: "permission_error", message: "no" } as const;
      simulator().script(Array.from({ length: 20 }, () => refused));
      const { category } = await failureOf(rig, rig.queue.add("hello"));
      assert.equal(ErrorCategory[category], "SESSION_TIMEOUT");
    }));

  it("returns as its last message the text of the result, whatever came before it", () =>
    withCli(async (rig) => {
      const input = '{"command":"echo hi","description":"says it"}';
      const tool = `[[sim:tool name=Bash input='${input}' say="Let me look."]]`;
      const task = rig.queue.add(`${tool} [[sim:text value="It says hi."]]`, { allowedTools: ["Bash"] });
      const { text } = await resultOf(rig, task);
      assert.deepEqual([text, rig.queue.textOf(task)], ["It says hi.", "It says hi."]);
      assert.deepEqual(
        eventsOf(rig, task).flatMap(({ event }) => (event?.$case === "textDelta" ? [event.value] : [])),
        [
          { text: "Let me look.", message: 1 },
          { text: "It says hi.", message: 2 },
        ],
      );
      simulator().script([
        { kind: "answer", text: "half a PING", stopAfter: { how: "cut", characters: 7 } },
        { kind: "answer", text: "wholly another" },
      ]);
      const cut = rig.queue.add("be cut off");
      assert.deepEqual([(await resultOf(rig, cut)).text, rig.queue.textOf(cut)], ["wholly another", "wholly another"]);
    }));

  it("reports its usage while it runs, after each turn of the model, and at the end what the result has", () =>
    withCli(async (rig) => {
      const gate = simulator().gate();
      const usage = { input: 11, output: 7, cacheRead: 3, cacheWrite: 2 };
      const tool = { name: "Bash", input: { command: "echo hi", description: "says it" } };
      simulator().script([
        { kind: "answer", tool, usage },
        { kind: "answer", text: "It says hi.", usage, gate },
      ]);
      const task = rig.queue.add("say hi", { allowedTools: ["Bash"] });
      const told = () =>
        eventsOf(rig, task).flatMap(({ event }) => (event?.$case === "usageSoFar" ? [event.value] : []));
      await gate.reached;
      await eventually(() => assert.equal(told().length, 1), { timeoutMs: 10_000 });
      const [soFar] = told();
      assert.deepEqual(
        [soFar?.turns, soFar?.toolUses, soFar?.usage?.inputTokens, soFar?.usage?.outputTokens, soFar?.costUsd],
        [1, 1, 11n, 7n, undefined],
      );
      assert.match(soFar?.model ?? "", /^claude-/);
      gate.release();
      const result = await resultOf(rig, task);
      assert.equal(result.usage?.outputTokens, 14n);
      const { turns, costUsd, model } = result;
      assert.deepEqual(told().at(-1), { turns, toolUses: 1, usage: result.usage, costUsd, model });
    }));

  it("reports a missing login, an unreachable provider, and a connection that breaks for good", async () => {
    const expected = [
      // A temporary home has no login.
      [{ CCSP_CLAUDE_CODE_API_KEY: "" }, "hello", ErrorCategory.SESSION_TIMEOUT],
      [{ CCSP_CLAUDE_CODE_BASE_URL: "http://127.0.0.1:1" }, "hello", ErrorCategory.NETWORK_ERROR],
      [{}, '[[sim:text value="one two"]][[sim:cut after=4]]', ErrorCategory.NETWORK_ERROR],
    ] as const;
    for (const [env, prompt, category] of expected) {
      await withCli(async (rig) => {
        const { category: got } = await failureOf(rig, rig.queue.add(prompt));
        assert.equal(ErrorCategory[got], ErrorCategory[category]);
      }, env);
    }
  });

  it("says why permission_mode skip cannot run as root, and does not try it again", function () {
    if (process.getuid?.() !== 0) skip(this, "not root");
    return withCli(
      async (rig) => {
        const failure = await failureOf(rig, rig.queue.add("hello", { permissionMode: PermissionMode.SKIP }));
        assert.deepEqual([ErrorCategory[failure.category], failure.retryable], ["INVALID_REQUEST", false]);
        assert.match(failure.message, /^permission_mode: .* root/);
      },
      { CCSP_EXECUTOR_PERMISSION_MODES: "default,skip" },
    );
  });

  it("ends a run whose model stops printing, before its first word or after it", () =>
    withCli(
      async (rig) => {
        const before = rig.queue.add("[[sim:hang]]");
        const after = rig.queue.add('[[sim:text value="one two"]][[sim:hang-mid after=4]]');
        for (const task of [before, after]) {
          assert.equal(ErrorCategory[(await failureOf(rig, task)).category], "ENGINE_HANG");
          await expectProcesses(0, task);
        }
        assert.equal(rig.queue.textOf(after), "one ");
      },
      { CCSP_EXECUTOR_SILENCE_TIMEOUT: "8s" },
    ));

  it("does not succeed after its time limit, even when a tool left many children that ignore SIGTERM", () =>
    withCli(
      async (rig) => {
        // Each process ignores signals before the test counts it. It holds nothing open that the CLI reads.
        const deaf = "trap : TERM INT HUP; while :; do sleep 1; done";
        const command = `for i in $(seq 60); do sh -c '${deaf}' >/dev/null 2>&1 & done; wait`;
        simulator().script([
          { kind: "answer", tool: { name: "Bash", input: { command, description: "waits" } } },
          { kind: "answer", text: "too late" },
        ]);
        const limits = { wallTime: { seconds: 20n, nanos: 0 }, outputBytes: 0n, turns: 0, budgetUsd: 0 };
        const task = rig.queue.add("work", { allowedTools: ["Bash"], limits });
        await eventually(async () => assert.ok(engineProcesses(await processesOf(task)).length > 60), {
          timeoutMs: 20_000,
        });
        assert.equal(ErrorCategory[(await failureOf(rig, task)).category], "TIMEOUT");
        assert.equal(rig.queue.textOf(task), "");
        await expectProcesses(0, task);
      },
      { CCSP_EXECUTOR_KILL_GRACE: "5s" },
    ));

  // The conformance suite tests a cancel before the first output and during the answer's text.
  it("is cancelled during its start, and during a tool", () =>
    withCli(async (rig) => {
      const tool = `[[sim:tool name=Bash input='{"command":"tail -f /dev/null","description":"waits"}']]`;
      const phases: readonly [string, (task: string) => unknown][] = [
        ["never", (task) => expectProcesses(1, task)],
        [
          `${tool}[[sim:text value=never]]`,
          async (task) => {
            const lines = (await processesOf(task)).map(commandLineOf);
            assert.ok(
              lines.some((line) => line.startsWith("tail\0")),
              "the tool does not run",
            );
          },
        ],
      ];
      for (const [prompt, reached] of phases) {
        const task = rig.queue.add(prompt, { allowedTools: ["Bash"] });
        await eventually(() => reached(task), { timeoutMs: 30_000, what: prompt });
        rig.queue.cancel(task);
        assert.equal(ErrorCategory[(await failureOf(rig, task)).category], "CANCELLED", prompt);
        await expectProcesses(0, task);
      }
    }));
});
