import assert from "node:assert/strict";
import { InvalidTaskError, type TaskInput } from "@ccsp/client";
import type { World } from "@ccsp/e2e-kit/world.js";
import { CallError, createClient } from "@ccsp/grpc-kit";
import { AgentServiceService } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import { TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";

export const badInput = (world: () => World): Mocha.Suite =>
  describe("bad input", function () {
    this.timeout(60_000);
    const cases: readonly { what: string; task: Partial<TaskInput>; field: string; reason?: string }[] = [
      { what: "an empty prompt", task: { prompt: "" }, field: "spec.prompt" },
      { what: "a prompt over the limit", task: { prompt: "x".repeat(1024 * 1024 + 1) }, field: "spec.prompt" },
      { what: "an unknown engine", task: { engine: "gpt-42" }, field: "spec.engine", reason: "ENGINE_UNKNOWN" },
      { what: "a negative wall time", task: { limits: { wallTimeMs: -1 } }, field: "spec.limits.wall_time" },
      { what: "negative turns", task: { limits: { turns: -1 } }, field: "spec.limits.turns" },
      { what: "a negative budget", task: { limits: { budgetUsd: -0.5 } }, field: "spec.limits.budget_usd" },
      { what: "a label key with spaces", task: { labels: { "a b": "c" } }, field: "spec.labels" },
    ];

    for (const { what, task, field, reason = "INVALID_FIELD" } of cases) {
      it(`${what} is refused with ${reason} naming ${field}, and nothing is stored`, async () => {
        const client = world().client("mallory");
        await assert.rejects(client.submit({ prompt: "ok", ...task }), (error) => {
          assert.ok(error instanceof InvalidTaskError, String(error));
          assert.equal(error.reason, reason);
          assert.ok(
            error.fields.some((violation) => violation.field.startsWith(field)),
            JSON.stringify(error.fields),
          );
          return true;
        });
        assert.equal(await countTasks(client), 0);
      });
    }

    it("a task with wrong types is refused before it is sent, naming the field", async () => {
      const task = { prompt: 42 } as unknown as TaskInput;
      await assert.rejects(world().client("mallory").submit(task), (error) => {
        assert.ok(error instanceof InvalidTaskError, String(error));
        assert.ok(error.fields.some((violation) => violation.field.includes("prompt")));
        return true;
      });
    });

    it("4 MB of labels are refused with the field's name, 4 MB of call metadata with a clear error, and the gateway continues", async () => {
      const raw = createClient(AgentServiceService, world().fleet.gatewayAddress);
      const authorized = { authorization: `Bearer ${await world().token("mallory")}` };
      try {
        const spec = TaskSpec.fromPartial({ prompt: "ok", labels: { big: "x".repeat(4 * 1024 * 1024) } });
        await assert.rejects(raw.submitTask({ spec, requestId: "" }, { metadata: authorized }), (error) => {
          assert.ok(error instanceof CallError, String(error));
          assert.ok(error.fields.some((violation) => violation.field.startsWith("spec.labels")));
          return true;
        });
        const fat = { ...authorized, "x-padding": "x".repeat(4 * 1024 * 1024) };
        await assert.rejects(
          raw.submitTask({ spec: TaskSpec.fromPartial({ prompt: "ok" }), requestId: "" }, { metadata: fat }),
          (error) => {
            assert.ok(error instanceof CallError, String(error));
            assert.match(error.message, /metadata/i);
            return true;
          },
        );
      } finally {
        raw.close();
      }
      const client = world().client("mallory");
      assert.equal(await countTasks(client), 0);
      assert.equal((await client.capabilities()).agentId, "mallory");
    });
  });

async function countTasks(client: ReturnType<World["client"]>): Promise<number> {
  let count = 0;
  for await (const _task of client.list()) count += 1;
  return count;
}
