import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { collect } from "@ccsp/e2e-kit/collect.js";
import { createClient } from "@ccsp/grpc-kit";
import { ROLES } from "@ccsp/identity";
import { OperatorServiceService } from "@ccsp/protos/ccsp/gateway/v1/operator_service.js";
import { PauseQueueRequest, ResumeQueueRequest } from "@ccsp/protos/ccsp/queue/v1/gate.js";
import { openLocal } from "@ccsp/rollout/local.js";
import { upgradeAll } from "@ccsp/rollout/roll.js";
import { eventually, skip } from "@ccsp/testkit";
import { type EarlierCalls, loadClient, RELEASE } from "../src/earlier-release.js";
import { buildEarlier, commitOf } from "../src/earlier-services.js";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const SCOPES = ["tasks:submit", "tasks:read", "tasks:cancel"];
const HOUR_MS = 60 * 60 * 1000;
const TEAM_B = { scope: { $case: "label", value: "team=b" } } as const;
const PATIENT = { timeoutMs: 60_000 };

/** The tests follow each other: the second to the last look at what the first has upgraded. */
describe(`the services of release ${RELEASE}, replaced one after the other while its client calls them`, function () {
  this.timeout(900_000);
  const undo: (() => Promise<unknown> | void)[] = [];
  let installation: Awaited<ReturnType<typeof openLocal>>;
  let client: EarlierCalls;
  let ids: Awaited<ReturnType<typeof makeTasks>>;

  before(async function () {
    const commit = await commitOf(RELEASE);
    if (commit === undefined) skip(this, `git has no commit of release ${RELEASE}: no git, or no history here`);
    const folder = await mkdtemp(join(tmpdir(), "ccsp-earlier-"));
    undo.push(() => rm(folder, { recursive: true }));
    const from = join(folder, RELEASE);
    await mkdir(from);
    await buildEarlier(commit, from);
    const earlier = await loadClient();
    installation = await openLocal({ from });
    undo.push(() => installation.close());
    const { world } = installation;
    const token = () => world.token("alice", { scopes: SCOPES });
    client = earlier.createCcspClient({ target: world.fleet.gatewayAddress, token, connectMs: 60_000 });
    undo.push(() => client.close());
    ids = await makeTasks();
  });
  after(async () => {
    for (const each of undo.toReversed()) await each();
  });

  async function makeTasks() {
    await asOperator((operator, options) =>
      operator.pauseQueue(PauseQueueRequest.fromPartial({ scope: TEAM_B, why: "maintenance" }), options),
    );
    await client.schedules.put({ name: "nightly", cron: "0 3 * * *", task: { prompt: "nightly" } });
    const ended = async (prompt: string, task = {}) => {
      const { id } = await client.submit({ prompt, ...task }, { requestId: prompt });
      await eventually(async () => assert.ok((await client.get(id)).endTime), PATIENT);
      return id;
    };
    return {
      succeeded: await ended("an answer"),
      conversation: await ended("remember this", { conversation: {} }),
      failed: await ended("[[fail:refused]]", { maxAttempts: 1 }),
      scheduled: (await client.submit({ prompt: "later", startTime: new Date(Date.now() + HOUR_MS) })).id,
      gated: (await client.submit({ prompt: "behind a gate", labels: { team: "b" } })).id,
    };
  }

  it("refuses and loses none of its calls", async () => {
    const said: string[] = [];
    const upgraded = await upgradeAll({ ...installation, client }, ROOT, (line) => void said.push(line));
    assert.ok(upgraded, said.join("\n"));
    assert.match(said.at(-1) ?? "", /^failed calls: 0 of [1-9]\d\d+$/, said.join("\n"));
    assert.equal((await client.capabilities()).agentId, "alice");
  });

  it("leaves everything that was stored, for today's SDK and for REST", async () => {
    const { world } = installation;
    const today = world.client("alice");
    const stateOf = async (id: string) => (await today.get(id)).state;
    assert.deepEqual(await Promise.all(Object.values(ids).map(stateOf)), [
      "SUCCEEDED",
      "SUCCEEDED",
      "FAILED",
      "SCHEDULED",
      "QUEUED",
    ]);
    const { result } = await today.get(ids.succeeded);
    assert.match(result?.text ?? "", /an answer/);
    assert.equal((await today.submit({ prompt: "an answer" }, { requestId: "an answer" })).id, ids.succeeded);
    assert.deepEqual(
      (await today.schedules.list()).map(({ name }) => name),
      ["nightly"],
    );
    const headers = { authorization: `Bearer ${await world.token("alice")}` };
    const answer = await fetch(`${world.fleet.httpAddress}/api/v2/tasks/${ids.failed}`, { headers });
    assert.match(await answer.text(), /"state":"FAILED"/);
  });

  it("goes on with a conversation, and with a task behind a gate once an operator opens it", async () => {
    const today = installation.world.client("alice");
    const { text } = await collect(today.run({ prompt: "[[recall]]", conversation: { id: ids.conversation } }));
    assert.match(text, /remember this/);
    const opened = await asOperator((operator, options) =>
      operator.resumeQueue(ResumeQueueRequest.fromPartial({ scope: TEAM_B, why: "done" }), options),
    );
    assert.equal(opened.resumed, true);
    await eventually(
      async () => assert.equal(await today.get(ids.gated).then(({ state }) => state), "SUCCEEDED"),
      PATIENT,
    );
  });

  it("counts the runs of both releases in the usage", async () => {
    const today = installation.world.client("alice");
    let runs = 0;
    for await (const { attempt } of today.list({ states: ["SUCCEEDED", "FAILED"] })) runs += attempt;
    await eventually(async () => {
      const { rows } = await asOperator((operator, options) => operator.getUsage({ agentId: "alice" }, options));
      const counted = rows.reduce((sum, row) => sum + Number(row.runs), 0);
      assert.equal(counted, runs);
    }, PATIENT);
  });

  type Operator = ReturnType<typeof createClient<OperatorServiceService>>;
  async function asOperator<T>(
    act: (operator: Operator, options: { metadata: Record<string, string> }) => Promise<T>,
  ): Promise<T> {
    const { world } = installation;
    const operator = createClient(OperatorServiceService, world.fleet.gatewayAddress);
    const token = await world.token("ann", { scopes: ROLES.operator });
    try {
      return await act(operator, { metadata: { authorization: `Bearer ${token}` } });
    } finally {
      operator.close();
    }
  }
});
