import assert from "node:assert/strict";
import { ErrorCategory } from "@ccsp/protos/ccsp/task/v1/task.js";
import { CLAUDE_CODE_VERSION, eventually, skip } from "@ccsp/testkit";
import { expectProcesses } from "./processes.js";
import { failureOf, resultOf, useSimulatedCli } from "./rig.js";

/** In seconds. Longer than the executor waits for an engine after its result. */
const PATIENCE = 8;
const OLD = "Claude Code 2.1.197 ends background commands itself, 5 s after its answer";
/** Run of the first waiting process, whichever task it gets. */
const WAITING = "warm-1";
const SLOWLY = `the prompt of the sub-agent [[sim:text value="${"word ".repeat(PATIENCE)}" rate=1]]`;

const agent = (prompt: string) => ({
  kind: "answer" as const,
  tool: { name: "Agent", input: { description: "looks", prompt, subagent_type: "general-purpose" } },
});
const shell = (command: string) => ({
  kind: "answer" as const,
  tool: { name: "Bash", input: { command, description: "works", run_in_background: true } },
});
const says = (text: string) => ({ kind: "answer" as const, text });

describe("background work of the real Claude Code CLI after an answer", function () {
  this.timeout(120_000);
  const { simulator, withCli } = useSimulatedCli();
  const mainAsks = (request: { prompt: string }) => !request.prompt.includes("of the sub-agent");
  const isOld = CLAUDE_CODE_VERSION === "2.1.197";

  for (const warm of ["0", "1"]) {
    it(`is waited for, and the last answer is the result: a sub-agent${warm === "1" ? ", in a process that waited" : ""}`, () =>
      withCli(
        async (rig) => {
          // The executor starts a waiting process for a kind of task that it saw twice.
          if (warm === "1") for (const prompt of ["one", "two"]) await resultOf(rig, rig.queue.add(prompt));
          await eventually(() => expectProcesses(Number(warm), WAITING), { timeoutMs: 30_000 });
          const last = isOld ? [says("it found a nest")] : [says("I have sent one"), says("it found a nest")];
          simulator().script(mainAsks, agent(SLOWLY), ...last);
          const task = rig.queue.add("look");
          const result = await resultOf(rig, task);
          assert.equal(result.text, "it found a nest");
          assert.equal(result.turns, isOld ? 2 : 3);
          await expectProcesses(0, task);
          await expectProcesses(0, WAITING);
        },
        { CCSP_EXECUTOR_WARM: warm },
      ));
  }

  it("is waited for, and the last answer is the result: a command", function () {
    if (isOld) skip(this, OLD);
    return withCli(async (rig) => {
      simulator().script(mainAsks, shell(`sleep ${PATIENCE}`), says("it runs"), says("it is done"));
      const task = rig.queue.add("work", { allowedTools: ["Bash"] });
      assert.equal((await resultOf(rig, task)).text, "it is done");
      await expectProcesses(0, task);
    });
  });

  it("is not a success when a limit ends it", function () {
    if (isOld) skip(this, OLD);
    return withCli(async (rig) => {
      simulator().script(mainAsks, shell("sleep 100"), says("it runs"));
      const task = rig.queue.add("work", {
        allowedTools: ["Bash"],
        limits: { wallTime: { seconds: 6n, nanos: 0 }, outputBytes: 0n, turns: 0, budgetUsd: 0 },
      });
      assert.equal(ErrorCategory[(await failureOf(rig, task)).category], "TIMEOUT");
      await expectProcesses(0, task);
    });
  });

  it("is cancelled, even after an answer", function () {
    if (isOld) skip(this, OLD);
    return withCli(async (rig) => {
      simulator().script(mainAsks, shell("sleep 100"), says("it runs"));
      const task = rig.queue.add("work", { allowedTools: ["Bash"] });
      await eventually(() => assert.equal(rig.queue.textOf(task), "it runs"), { timeoutMs: 30_000 });
      rig.queue.cancel(task);
      assert.equal(ErrorCategory[(await failureOf(rig, task)).category], "CANCELLED");
      await expectProcesses(0, task);
    });
  });
});
