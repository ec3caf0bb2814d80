import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { BudgetExhaustedError, type CcspClient } from "@ccsp/client";
import { collect } from "@ccsp/e2e-kit/collect.js";
import { addressOf, monitorClient, queueClient } from "@ccsp/e2e-kit/internal-clients.js";
import { serviceChannel } from "@ccsp/e2e-kit/service-channel.js";
import { startWorld, type World } from "@ccsp/e2e-kit/world.js";
import { createClient } from "@ccsp/grpc-kit";
import { ROLES } from "@ccsp/identity";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { Budget, BudgetAction, BudgetPeriod, BudgetUnit } from "@ccsp/protos/ccsp/usage/v1/budgets.js";
import { eventually, skip } from "@ccsp/testkit";

const CLI = fileURLToPath(new URL("../../cli/bin/ccsp.js", import.meta.url));
const SHARDS = 3;

/** Runs `ccsp` as an operator. */
async function ccsp(world: World, ...words: string[]) {
  const env = {
    PATH: process.env["PATH"],
    CCSP_GATEWAY: world.fleet.gatewayAddress,
    CCSP_CA: world.fleet.gatewayCaFile ?? "",
    CCSP_TOKEN: await world.token("ada", { scopes: ROLES.admin }),
    CCSP_STATE_DIR: join(world.dataDir, "cli"),
    HOME: world.dataDir,
  };
  const run = promisify(execFile)(process.execPath, [CLI, ...words], { env });
  return run.then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }) => ({ code: Number(code), stdout: String(stdout), stderr: String(stderr) }),
  );
}

describe("budgets of a fleet with two queues, two monitors and the real Claude Code CLI", function () {
  this.timeout(120_000);
  let world: World;
  let alice: CcspClient;
  before(async () => {
    world = await startWorld({ replicas: { queue: 2, monitor: 2 }, env: { CCSP_QUEUE_SHARDS: String(SHARDS) } });
    alice = world.client("alice");
  });
  after(() => world.close());

  const runOne = async (client: CcspClient, labels: Record<string, string> = {}) =>
    assert.equal((await collect(client.run({ prompt: "hello", labels }))).ended.state, "SUCCEEDED");
  const held = () =>
    eventually(
      async () => {
        for (const index of [0, 1]) {
          const queue = queueClient(world, index);
          const { gates } = await queue.getStatus({}).finally(() => queue.close());
          assert.ok(
            gates.some(({ budgets }) => budgets.length > 0),
            JSON.stringify(gates.map(({ why }) => why)),
          );
        }
      },
      { timeoutMs: 60_000, what: "a hold in the queue" },
    );

  it("refuses the agent's next task after N, with the reason in SDK and CLI, also while monitors are killed, and not another agent's", async () => {
    const set = await ccsp(
      world,
      "budget",
      "set",
      "alice-month",
      ..."--agent alice --requests 2 --per month".split(" "),
    );
    assert.equal(set.code, 0, set.stderr);
    await runOne(alice);
    await runOne(alice);
    await held();
    const refused = async () =>
      assert.rejects(alice.submit({ prompt: "one more" }), (error) => {
        assert.ok(error instanceof BudgetExhaustedError, String(error));
        assert.match(error.message, /of agent alice: budget alice-month \(2 requests a month\) is used up until /);
        assert.equal(error.metadata["budget"], "alice-month");
        assert.ok((error.retryAfterMs ?? 0) > 0);
        return true;
      });
    await refused();
    await Promise.all([world.fleet.kill9("monitor", 0), world.fleet.kill9("monitor", 1)]);
    await refused();
    await runOne(world.client("bob"));
    await world.fleet.ready();
    await refused();

    const status = await ccsp(world, "queue", "status");
    assert.match(status.stdout, /agent\/alice +\S+ \S+ +budget +budget alice-month \(2 requests/);
    const list = await ccsp(world, "budget", "list");
    assert.match(list.stdout, /^alice-month +agent\/alice +2 requests a month +2 +100 % +refuses /m);
    for (const line of list.stdout.split("\n")) assert.ok(line.length <= 120, line);

    // A higher limit lets the agent work again.
    await ccsp(world, "budget", "set", "alice-month", ..."--agent alice --requests 9 --per month".split(" "));
    await eventually(() => alice.submit({ prompt: "again" }), { timeoutMs: 60_000, what: "an accepted task" });
    assert.deepEqual((await ccsp(world, "budget", "delete", "alice-month")).code, 0);
    assert.equal((await ccsp(world, "budget", "delete", "alice-month")).code, 4);
  });

  it("parks tasks of a label in every shard, and ExplainTask names the budget", async () => {
    const monitor = monitorClient(world);
    const budget = Budget.fromPartial({
      name: "blue",
      holder: { holder: { $case: "label", value: "team=blue" } },
      unit: BudgetUnit.TOKENS,
      limit: 1,
      period: BudgetPeriod.MONTH,
      action: BudgetAction.PARK,
    });
    await monitor.putBudget({ budget, who: "ada" });
    await runOne(alice, { team: "blue" });
    await held();
    // Enough agents for each shard.
    const agents = Array.from({ length: 3 * SHARDS }, (_, i) => world.client(`agent-${i}`));
    const ids = await Promise.all(
      agents.map(async (client) => (await client.submit({ prompt: "later", labels: { team: "blue" } })).id),
    );
    assert.equal(new Set(ids.map((id) => id.split("-")[0])).size, SHARDS);
    for (const [i, id] of ids.entries()) {
      const explained = await agents[i]?.explain(id);
      const blocker = explained?.blockers.find(({ kind }) => kind === "BUDGET_EXHAUSTED");
      assert.match(blocker?.message ?? "", /of label team=blue: budget blue \(1 token a month\) is used up until /);
      assert.ok(blocker?.until);
    }
    await runOne(alice, { team: "red" });
    for (const [i, id] of ids.entries()) assert.equal((await agents[i]?.get(id))?.state, "QUEUED");
    await monitor.deleteBudget({ name: "blue" });
    monitor.close();
    await eventually(
      async () => {
        for (const [i, id] of ids.entries()) assert.equal((await agents[i]?.get(id))?.state, "SUCCEEDED");
      },
      { timeoutMs: 60_000, what: "the tasks that were parked" },
    );
  });
});

describe("budgets of a model, an engine and an account in a fleet with two engines", function () {
  this.timeout(240_000);
  let world: World;
  before(async () => {
    world = await startWorld({
      engine: "scripted",
      env: {
        CCSP_ENGINES: "claude-code,echo",
        CCSP_EXECUTOR_ENGINES: "claude-code,echo",
        CCSP_EXECUTOR_ENGINE_PLUGINS: fileURLToPath(
          new URL("../../../services/executor/test/plugins/echo.mjs", import.meta.url),
        ),
        CCSP_ECHO_ANSWER: "hello",
        CCSP_CLAUDE_CODE_ACCOUNT: "team",
      },
    });
  });
  after(() => world.close());

  const ECHO = { engine: "echo" };
  const MODEL = { model: "model-1" };
  const kinds = [
    { holder: ["--model", "model-1"], scope: "model/model-1", own: MODEL, others: [{ model: "model-2" }, {}, ECHO] },
    { holder: ["--engine", "echo"], scope: "engine/echo", own: ECHO, others: [{}, MODEL] },
    { holder: ["--account", "claude-code/team"], scope: "account/claude-code/team", own: MODEL, others: [ECHO] },
  ];
  for (const { holder, scope, own, others } of kinds)
    it(`of ${holder.join(" ")} holds its tasks, lets others run, and lets its tasks start when it is raised`, async () => {
      const client = world.client("alice");
      const budget = async (requests: number) => {
        const words = [...holder, "--requests", String(requests), "--per", "month", "--park"];
        const set = await ccsp(world, "budget", "set", "b", ...words);
        assert.equal(set.code, 0, set.stderr);
        return set.stdout;
      };
      const ends = async (task: object) =>
        assert.equal((await collect(client.run({ prompt: "say:hello", ...task }))).ended.state, "SUCCEEDED");
      assert.match(await budget(1_000), new RegExp(`^b of ${scope}: 1,000 requests a month`));
      await ends(own);
      // What was used before counts, so a limit of one run is used up.
      await budget(1);
      const { id } = await eventually(
        async () => {
          const task = await client.submit({ prompt: "say:hello", ...own });
          const { blockers } = await client.explain(task.id);
          const held = blockers.filter(({ kind }) => kind === "BUDGET_EXHAUSTED");
          assert.match(held[0]?.message ?? "", /: budget b \(1 request a month\) is used up until /);
          return task;
        },
        { timeoutMs: 60_000, what: "a held task" },
      );
      const { blockers } = await client.estimate({ prompt: "-", ...own });
      assert.ok(blockers.some(({ kind }) => kind === "BUDGET_EXHAUSTED"));
      for (const other of others) await ends(other);
      assert.equal((await client.get(id)).state, "QUEUED");
      assert.match(
        (await ccsp(world, "queue", "status")).stdout,
        new RegExp(`${scope} .*budget +budget b \\(1 request`),
      );
      assert.match((await ccsp(world, "budget", "list")).stdout, new RegExp(`^b +${scope} .* parks `, "m"));
      assert.deepEqual(await client.budgets(), [], "an agent sees only budgets of its own");
      await budget(1_000);
      await eventually(async () => assert.equal((await client.get(id)).state, "SUCCEEDED"), { timeoutMs: 60_000 });
      assert.equal((await ccsp(world, "budget", "delete", "b")).code, 0);
    });
});

describe("a budget in dollars that 20 runs on two executors share", function () {
  this.timeout(240_000);
  const RUNS = 20;
  let world: World;
  before(async () => {
    world = await startWorld({ replicas: { executor: 2 }, slots: RUNS / 2 });
  });
  after(() => world.close());

  /** Asks until no message may be sent any more. What it asks is no message, so it is not paid. */
  const waitForHold = ({ url, port }: World["simulator"]): string => `
    asked() {
      exec 3<>/dev/tcp/127.0.0.1/\${HTTP_PROXY##*:}
      printf 'POST ${url}/v1/messages HTTP/1.1\\r\\nhost: 127.0.0.1:${port}\\r\\nx-api-key: %s\\r\\n' "$ANTHROPIC_API_KEY" >&3
      printf 'content-length: 2\\r\\n\\r\\n{}' >&3
      read -r answer <&3; echo "$answer"
    }
    until [[ $(asked) == *402* ]]; do sleep 0.3; done`;

  it("pays at most one message of each, all of which were open when it was used up", async function () {
    if ((await ccsp(world, "executor", "list")).stdout.includes("in the run"))
      skip(this, "this host has no sandbox for runs, so there is no broker");
    const set = await ccsp(world, "budget", "set", "all", ..."--everybody --usd 0.02 --per month --park".split(" "));
    assert.equal(set.code, 0, set.stderr);
    const gate = world.simulator.gate();
    const command = `echo ${Buffer.from(waitForHold(world.simulator)).toString("base64")} | base64 -d | bash`;
    const tool = `[[sim:tool name=Bash input='${JSON.stringify({ command, description: "waits" })}']]`;
    // It costs 0.018 dollars of this model.
    const usage = "[[sim:usage input=1000 output=1000]]";
    const ended = Array.from({ length: RUNS }, (_, run) => {
      const prompt = `${gate.marker}${tool}${usage} run ${run}`;
      return collect(world.client(`agent-${run}`).run({ prompt, model: "claude-sonnet-4-5", allowedTools: ["Bash"] }));
    });
    await eventually(() => assert.equal(gate.waiting(), RUNS), { timeoutMs: 120_000, what: "20 open requests" });
    gate.release();
    for (const { ended: end } of await Promise.all(ended))
      assert.deepEqual([end.state, end.error?.category], ["FAILED", "BUDGET_EXCEEDED"], end.error?.message);
    const paid = world.simulator.requests.filter(({ prompt }) => prompt.includes("run "));
    assert.equal(paid.length, RUNS);
    await eventually(async () => {
      const { stdout } = await ccsp(world, "budget", "list");
      assert.match(stdout, /^all .* \$0\.3600 /m);
    });
  });
});

describe("a hold of a budget in a fleet without a monitor", function () {
  this.timeout(120_000);
  let world: World;
  before(async () => void (world = await startWorld({ engine: "scripted", replicas: { queue: 2, monitor: 0 } })));
  after(() => world.close());

  it("ends by itself when the period turns, by the queue's clock: what was parked runs", async () => {
    const alice = world.client("alice");
    const queueAs = (as: "monitor" | "gateway") =>
      createClient(QueueServiceService, addressOf(world, "queue"), {
        credentials: serviceChannel(world.certificates, { as, to: "queue" }),
      });
    const [monitor, gateway] = [queueAs("monitor"), queueAs("gateway")];
    const scope = { scope: { $case: "all" as const, value: true } };
    const untilLater = (ms: number) => {
      const endTime = new Date(Date.now() + ms);
      return { budget: "all", scope, action: BudgetAction.PARK, limit: "1 request an hour", endTime, holdsRuns: false };
    };
    await assert.rejects(gateway.setBudgetHolds({ holds: [untilLater(60_000)] }), /only these may: monitor/);
    // She is connected before the hold begins.
    await alice.capabilities();
    const hold = untilLater(20_000);
    const { endTime } = hold;
    await monitor.setBudgetHolds({ holds: [hold] });
    const { id } = await alice.submit({ prompt: "say:hello" });
    const { blockers } = await alice.explain(id);
    assert.deepEqual(blockers.find(({ kind }) => kind === "BUDGET_EXHAUSTED")?.until, endTime);
    const started = await eventually(
      async () => {
        const { startTime } = await alice.get(id);
        assert.ok(startTime);
        return startTime;
      },
      { timeoutMs: 40_000, what: "the start of the task" },
    );
    assert.ok(started >= endTime, `${started.toISOString()} is before ${endTime.toISOString()}`);
    for (const client of [monitor, gateway]) client.close();
  });
});
