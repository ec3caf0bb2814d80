import assert from "node:assert/strict";
import { Refusal } from "@ccsp/errors";
import { Registry } from "prom-client";
import { Fixture } from "./fixture.js";
import { failure } from "./queue-stub.js";
import { healthClient, reflect } from "./standard-clients.js";

const QUEUE = "ccsp.queue.v1.QueueService";

describe("every server", () => {
  const fixture = new Fixture();
  afterEach(() => fixture.close());

  it("answers health checks for itself and each service, and NOT_FOUND for others", async () => {
    const { port } = await fixture.serve({});
    const health = fixture.own(healthClient(port));
    assert.equal(await health.check(""), "SERVING");
    assert.equal(await health.check(QUEUE), "SERVING");
    await assert.rejects(health.check("nobody"), /NOT_FOUND/);
  });

  it("lists exactly its services by reflection, and describes their messages", async () => {
    const { port } = await fixture.serve({});
    const list = JSON.stringify(await reflect(port, { listServices: "*" }));
    assert.match(list, /"service":\[\{"name":"ccsp.queue.v1.QueueService"\}\]/);
    const described = await reflect(port, { fileContainingSymbol: "ccsp.queue.v1.EnqueueRequest" });
    assert.match(JSON.stringify(described), /fileDescriptorProto/);
  });

  it("counts calls by service, method and code", async () => {
    const registry = new Registry();
    const list = () => Promise.reject(new Refusal("TASK_NOT_FOUND", "no such task"));
    const queue = await fixture.serveAndConnect({ list }, { server: { registry } });
    await queue.get({ taskId: "t1" });
    await failure(queue.list({}));
    const text = await registry.metrics();
    assert.match(
      text,
      /rpc_server_duration_seconds_count\{service="ccsp.queue.v1.QueueService",method="Get",code="OK"\} 1/,
    );
    assert.match(text, /method="List",code="NOT_FOUND"\} 1/);
  });
});
