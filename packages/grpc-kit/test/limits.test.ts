import assert from "node:assert/strict";
import { invalidFields } from "@ccsp/errors";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { EnqueueRequest } from "@ccsp/protos/ccsp/queue/v1/submission.js";
import { GetResponse } from "@ccsp/protos/ccsp/queue/v1/task_reads.js";
import { TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { pino } from "pino";
import { Registry } from "prom-client";
import { serveGrpc } from "../src/index.js";
import { decodeDetails } from "../src/wire/status-details.js";
import { Fixture } from "./fixture.js";
import { failure, taskNamed } from "./queue-stub.js";

const MIB = 1024 * 1024;

describe("a server's limits", () => {
  const fixture = new Fixture();
  afterEach(() => fixture.close());

  /** Sends these bytes as the request of a call, as no client of this package does. Returns its error. */
  function sendRaw(
    port: number,
    bytes: Buffer,
    path: string = QueueServiceService.get.path,
  ): Promise<ServiceError | null> {
    const client = fixture.own(new Client(`127.0.0.1:${port}`, credentials.createInsecure()));
    const asIs = (message: Buffer) => message;
    return new Promise((resolve) => client.makeUnaryRequest(path, asIs, asIs, bytes, (error) => resolve(error)));
  }

  it("refuses a request over the limit as MESSAGE_TOO_LARGE and continues to serve", async () => {
    const server = await fixture.serve({}, { maxMessageBytes: MIB });
    const queue = fixture.connect(server, { maxMessageBytes: 8 * MIB });
    const error = await failure(queue.get({ taskId: "x".repeat(2 * MIB) }));
    assert.equal(error.code, status.RESOURCE_EXHAUSTED);
    assert.equal(error.reason, "MESSAGE_TOO_LARGE");
    assert.equal((await queue.get({ taskId: "t1" })).task?.id, "t1");
  });

  it("gives the reason of a request over the limit to a client of any language, and counts it", async () => {
    const registry = new Registry();
    const { port } = await fixture.serve({}, { maxMessageBytes: MIB, registry });
    const error = await sendRaw(port, Buffer.alloc(2 * MIB));
    assert.equal(error?.code, status.RESOURCE_EXHAUSTED);
    assert.equal(decodeDetails(error.metadata).reason, "MESSAGE_TOO_LARGE");
    assert.match(error.details, /larger than 1048576 bytes/);
    assert.match(await registry.metrics(), /_count\{[^}]*method="Get",code="RESOURCE_EXHAUSTED"\} 1/);
  });

  it("does not send a request that every server would refuse", async () => {
    const queue = await fixture.serveAndConnect({}, { client: { maxMessageBytes: MIB } });
    const error = await failure(queue.get({ taskId: "x".repeat(2 * MIB) }));
    assert.equal(error.reason, "MESSAGE_TOO_LARGE");
  });

  it("accepts messages of several megabytes in both directions", async () => {
    const queue = await fixture.serveAndConnect({ get: async ({ taskId }) => taskNamed(taskId) });
    const large = "日本🙂".repeat(MIB / 2);
    assert.equal((await queue.get({ taskId: large })).task?.id, large);
  });

  it("passes four megabytes in a map to the handler, which has to limit it", async () => {
    const queue = await fixture.serveAndConnect({
      enqueue: async ({ spec }) => taskNamed(String(Object.keys(spec?.labels ?? {}).length)),
    });
    const labels = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`label-${i}`, "v".repeat(42_000)]));
    const { task } = await queue.enqueue({ spec: TaskSpec.fromPartial({ labels }) });
    assert.equal(task?.id, "100");
  });

  it("names the metadata that is too large without sending it", async () => {
    const queue = await fixture.serveAndConnect({});
    const metadata = { authorization: "Bearer x", "x-large": "y".repeat(4 * MIB) };
    const error = await failure(queue.get({ taskId: "t1" }, { metadata }));
    assert.equal(error.reason, "MESSAGE_TOO_LARGE");
    assert.deepEqual(
      error.fields.map(({ field }) => field),
      ["metadata.x-large"],
    );
  });

  it("survives four megabytes of metadata from a client that does not check", async () => {
    const server = await fixture.serve({});
    const raw = fixture.own(new Client(`127.0.0.1:${server.port}`, credentials.createInsecure()));
    const { path, requestSerialize, responseDeserialize } = QueueServiceService.get;
    const metadata = new Metadata();
    metadata.set("x-large", "y".repeat(4 * MIB));
    const error = await new Promise<ServiceError | null>((resolve) => {
      const request = { taskId: "t1", agentId: "" };
      raw.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, metadata, (err) => resolve(err));
    });
    assert.ok(error, "the call succeeded");
    assert.equal((await fixture.connect(server).get({ taskId: "t2" })).task?.id, "t2");
  });

  it("shortens the texts that a refusal quotes, so its trailer fits", async () => {
    const queue = await fixture.serveAndConnect({
      async get() {
        const description = `is wrong: ${"🙂".repeat(MIB / 100)}`;
        throw invalidFields(Array.from({ length: 100 }, (_, i) => ({ field: `labels[${i}]`, description })));
      },
    });
    const error = await failure(queue.get({}));
    assert.equal(error.reason, "INVALID_FIELD");
    assert.equal(error.fields[0]?.field, "labels[0]");
    assert.ok(error.message.length < 1_000);
  });

  it("refuses bytes that are not a message, and continues to serve", async () => {
    const server = await fixture.serve({});
    const error = await sendRaw(server.port, Buffer.from("garbage"));
    assert.equal(error?.code, status.INVALID_ARGUMENT);
    assert.match(error.details, /not a message of \/ccsp\.queue\.v1\.QueueService\/Get/);
    assert.equal((await fixture.connect(server).get({ taskId: "t1" })).task?.id, "t1");
  });

  it("refuses text that is not UTF-8 by the name of its field, where others would store a replacement", async () => {
    const server = await fixture.serve({ enqueue: async () => taskNamed("stored") });
    const request = EnqueueRequest.encode({
      ...EnqueueRequest.create(),
      spec: TaskSpec.fromPartial({ prompt: "fine", conversation: { id: "broken" } }),
    }).finish();
    const broken = Buffer.from(request);
    broken[broken.indexOf("broken")] = 0xff;
    const error = await sendRaw(server.port, broken, QueueServiceService.enqueue.path);
    assert.equal(error?.code, status.INVALID_ARGUMENT);
    const { reason, fields } = decodeDetails(error.metadata);
    assert.equal(reason, "INVALID_FIELD");
    assert.deepEqual(fields, [{ field: "spec.conversation.id", description: "is not text in UTF-8" }]);
  });

  it("logs a response that cannot be serialized, and hides the cause from the caller", async () => {
    const lines: string[] = [];
    const log = pino({ level: "error" }, { write: (line: string) => void lines.push(line) });
    const broken: GetResponse = GetResponse.create();
    const secret = {
      get id(): string {
        throw new Error("secret detail");
      },
    };
    Object.assign(broken, { task: secret });
    const queue = await fixture.serveAndConnect({ get: async () => broken }, { server: { log } });
    const error = await failure(queue.get({}));
    assert.equal(error.reason, "INTERNAL");
    assert.doesNotMatch(error.message, /secret detail/);
    assert.match(lines.join(), /could not be serialized/);
    assert.match(lines.join(), /secret detail/);
  });

  it("fails to start on a port that is taken, naming the address", async () => {
    const { port } = await fixture.serve({});
    const second = serveGrpc({ listen: { host: "127.0.0.1", port }, services: [], log: pino({ level: "silent" }) });
    await assert.rejects(second, (error: Error) => error.message.includes(`127.0.0.1:${port}`));
  });
});
