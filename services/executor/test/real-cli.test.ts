import assert from "node:assert/strict";
import { ErrorCategory } from "@ccsp/protos/ccsp/task/v1/task.js";
import { CLAUDE_CODE_BIN, hugeText, type Simulator, startSimulator } from "@ccsp/testkit";
import { failureOf, type Rig, resultOf, withRig } from "./rig.js";

describe("the executor with the real Claude Code CLI", function () {
  this.timeout(60_000);
  let simulator: Simulator;
  before(async () => {
    simulator = await startSimulator();
  });
  after(() => simulator.close());
  afterEach(() => simulator.reset());

  const withCli = (use: (rig: Rig) => Promise<void>, env: Record<string, string> = {}) =>
    withRig(
      {
        CCSP_CLAUDE_CODE_BIN: CLAUDE_CODE_BIN,
        CCSP_CLAUDE_CODE_BASE_URL: simulator.url,
        CCSP_CLAUDE_CODE_MAX_RETRIES: "0",
        ...env,
      },
      use,
    );

  it("streams an answer and returns it with usage, cost, version, model and what its processes took", () =>
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
      const call = simulator.requests.find(({ path }) => path.startsWith("/v1/messages"));
      assert.equal(call?.model, "claude-sonnet-4-5");
      assert.match(JSON.stringify(call?.system), /Be brief, says the test/);
      assert.equal(rig.queue.told(task).reports[0]?.started?.engineVersion, result.engineVersion);
    }));

  it("brings an answer of 5 MB intact, in pieces and as a whole", () =>
    withCli(async (rig) => {
      const task = rig.queue.add("[[sim:huge bytes=5M]]");
      const expected = hugeText(5 * 1024 * 1024);
      const result = await resultOf(rig, task);
      assert.ok(result.text === expected, "the result differs");
      assert.ok(rig.queue.textOf(task) === expected, "the pieces differ");
    }));

  it("says why a run failed: bad key, rate limit, overload, a prompt that is too long", () =>
    withCli(async (rig) => {
      const expected: readonly [string, ErrorCategory][] = [
        ["[[sim:401]] 1", ErrorCategory.SESSION_TIMEOUT],
        ["[[sim:429]] 2", ErrorCategory.RATE_LIMIT],
        ["[[sim:529]] 3", ErrorCategory.OVERLOADED],
        ["[[sim:too-long]] 4", ErrorCategory.CONTEXT_OVERFLOW],
      ];
      for (const [prompt, category] of expected) {
        const { category: got } = await failureOf(rig, rig.queue.add(prompt));
        assert.equal(ErrorCategory[got], ErrorCategory[category], prompt);
      }
    }));
});
