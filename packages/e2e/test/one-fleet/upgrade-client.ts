import assert from "node:assert/strict";
import { promisify } from "node:util";
import { createAnswer, createCcspClient, type RunEvent } from "@ccsp/client";
import type { World } from "@ccsp/e2e-kit/world.js";
import type { RunTaskResponse } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import { Task, TaskEvent, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import { eventually } from "@ccsp/testkit";
import { Server, ServerCredentials, type ServerWritableStream } from "@grpc/grpc-js";
import { type EarlierCalls, loadClient, RELEASE } from "../../src/earlier-release.js";

export const upgradeClient = (world: () => World): Mocha.Suite =>
  describe(`the client of release ${RELEASE}, at today's gateway`, function () {
    this.timeout(90_000);
    let client: EarlierCalls;
    before(async () => {
      const earlier = await loadClient();
      client = earlier.createCcspClient({
        target: world().fleet.gatewayAddress,
        token: () => world().token("alice"),
        connectMs: 60_000,
      });
    });
    after(() => client?.close());

    it("runs a task, and gets its text and result", async () => {
      let text = "";
      const types = new Set<string>();
      const run = client.run({ prompt: "please", allowedTools: ["Read"], labels: { team: "a" } });
      for await (const event of run) {
        types.add(event.type);
        if (event.type === "text") text += event.text;
        if (event.type === "ended") assert.deepEqual([event.state, event.result?.text], ["SUCCEEDED", text]);
      }
      assert.notEqual(text, "");
      for (const type of ["accepted", "started", "text", "ended"]) assert.ok(types.has(type), [...types].join(" "));
      const result = await client.run({ prompt: "again" }).result();
      assert.notEqual(result.text, "");
      assert.ok(Number(result.usage?.outputTokens) > 0);
    });

    it("submits once per request id, watches, gets and lists", async () => {
      const submitted = await client.submit({ prompt: "one", labels: { of: "lists" } }, { requestId: "one" });
      assert.equal(
        (await client.submit({ prompt: "one", labels: { of: "lists" } }, { requestId: "one" })).id,
        submitted.id,
      );
      await assert.rejects(client.submit({ prompt: "two" }, { requestId: "one" }), { reason: "REQUEST_ID_CONFLICT" });
      const sequences: number[] = [];
      const kinds: (string | undefined)[] = [];
      for await (const { sequence, event } of client.watch(submitted.id)) {
        sequences.push(sequence);
        kinds.push(event?.$case);
      }
      assert.deepEqual(kinds.slice(-2), ["usageSoFar", "taskEnded"]);
      assert.deepEqual(
        sequences,
        sequences.map((_, i) => i + 1),
      );
      assert.equal((await client.get(submitted.id)).state, TaskState.SUCCEEDED);
      const listed: string[] = [];
      for await (const { id } of client.list({ states: ["SUCCEEDED"], labels: { of: "lists" } })) listed.push(id);
      assert.deepEqual(listed, [submitted.id]);
    });

    it("submits many in one call, and learns which of them are wrong", async () => {
      const outcomes = await client.submitMany([{ prompt: "a" }, { prompt: "b", engine: "unknown" }, { prompt: "c" }]);
      assert.deepEqual(
        outcomes.map((outcome) => ("error" in outcome && outcome.error ? outcome.error.reason : "stored")),
        ["stored", "ENGINE_UNKNOWN", "stored"],
      );
    });

    it("cancels waiting and running tasks", async () => {
      const later = await client.submit({ prompt: "later", startTime: new Date(Date.now() + 3_600_000) });
      assert.equal((await client.cancel(later.id, "not wanted")).state, TaskState.CANCELLED);
      const long = await client.submit({ prompt: "long [[delay:60000]]" });
      await eventually(async () => assert.equal((await client.get(long.id)).state, TaskState.RUNNING), {
        timeoutMs: 15_000,
      });
      await client.cancel(long.id);
      await eventually(async () => assert.equal((await client.get(long.id)).state, TaskState.CANCELLED), {
        timeoutMs: 15_000,
      });
    });

    it("stores schedules, reads capabilities, and gets errors with reasons that it knows", async () => {
      const { name } = await client.schedules.put({ name: "daily", cron: "0 3 * * *", task: { prompt: "daily" } });
      assert.equal(name, "daily");
      await client.schedules.delete("daily");
      assert.equal((await client.capabilities()).agentId, "alice");
      await assert.rejects(client.get("0-nothing"), { reason: "TASK_NOT_FOUND", name: "NotFoundError" });
    });
  });

describe(`today's client, at a gateway that answers like release ${RELEASE}`, () => {
  it("runs a task whose texts do not name a message", async () => {
    const { wire } = await loadClient();
    const task = Task.fromPartial({ id: "0-1", state: TaskState.QUEUED });
    const said = (sequence: number, text: string) =>
      TaskEvent.fromPartial({ sequence, attempt: 1, event: { $case: "textDelta", value: { text } } });
    const state = TaskState.SUCCEEDED;
    const ended = TaskEvent.fromPartial({
      sequence: 3,
      attempt: 1,
      event: { $case: "taskEnded", value: { state, result: { text: "half and half" } } },
    });
    const server = new Server();
    server.addService(wire.AgentServiceService, {
      runTask(call: ServerWritableStream<unknown, RunTaskResponse>) {
        call.write({ message: { $case: "task", value: task } });
        for (const event of [said(1, "half "), said(2, "and half"), ended]) {
          call.write({ message: { $case: "event", value: event } });
        }
        call.end();
      },
    });
    const port = await promisify(server.bindAsync.bind(server))("127.0.0.1:0", ServerCredentials.createInsecure());
    const client = createCcspClient({ target: `127.0.0.1:${port}`, token: "any", connectMs: 60_000 });
    try {
      const answer = createAnswer();
      const events: RunEvent[] = [];
      for await (const event of client.run({ prompt: "hello", availableTools: ["Read"] })) {
        events.push(event);
        answer.add(event);
      }
      assert.deepEqual(
        events.map(({ type }) => type),
        ["accepted", "text", "text", "ended"],
      );
      assert.equal(answer.text(), "half and half");
    } finally {
      client.close();
      server.forceShutdown();
    }
  });
});
