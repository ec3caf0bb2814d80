import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { create, createFileRegistry, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Refusal } from "@ccsp/errors";
import { Client, credentials } from "@grpc/grpc-js";
import { Registry } from "prom-client";
import { Fixture } from "./fixture.js";
import { failure } from "./queue-stub.js";
import { healthClient, reflect } from "./standard-clients.js";

const QUEUE = "ccsp.queue.v1.QueueService";
/** The number of the option `access` of an RPC. */
const ACCESS = 52_013;

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

  /** The files with which reflection answers a question. */
  async function filesOf(port: number, question: object): Promise<Uint8Array[]> {
    const { fileDescriptorResponse: files, errorResponse } = await reflect(port, question);
    assert.ok(files, `${JSON.stringify(question)}: ${JSON.stringify(errorResponse)}`);
    return files.fileDescriptorProto;
  }

  it("lists exactly its services by reflection", async () => {
    const { port } = await fixture.serve({});
    const { listServicesResponse } = await reflect(port, { listServices: "*" });
    assert.deepEqual(listServicesResponse, { service: [{ name: QUEUE }] });
  });

  it("gives a caller that has no proto what it needs to call", async () => {
    const { port } = await fixture.serve({
      get: ({ taskId }) => Promise.reject(new Refusal("TASK_NOT_FOUND", taskId)),
    });
    // Each file is built once, from its bytes alone: a pool refuses a file whose imports are not there.
    const pool = new Map<string, FileDescriptorProto>();
    for (const bytes of await filesOf(port, { fileContainingSymbol: QUEUE })) {
      const file = fromBinary(FileDescriptorProtoSchema, bytes);
      pool.set(file.name, file);
    }
    const withImports = (name: string): FileDescriptorProto[] => {
      const file = pool.get(name);
      assert.ok(file, name);
      return [...file.dependency.flatMap(withImports), file];
    };
    // In this order, each file comes after those that it imports, as a registry takes them.
    const file = [...new Set(withImports("ccsp/queue/v1/queue_service.proto"))];
    const registry = createFileRegistry(create(FileDescriptorSetSchema, { file }));
    const method = registry.getService(QUEUE)?.methods.find(({ name }) => name === "Get");
    assert.ok(method);
    const request = create(method.input);
    Object.assign(request, { taskId: "task-of-a-stranger" });
    const client = fixture.own(new Client(`127.0.0.1:${port}`, credentials.createInsecure()));
    const called = new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        `/${QUEUE}/${method.name}`,
        (message: typeof request) => Buffer.from(toBinary(method.input, message)),
        (bytes) => fromBinary(method.output, bytes),
        request,
        (error, response) => (error ? reject(error) : resolve(response)),
      );
    });
    await assert.rejects(called, /NOT_FOUND: task-of-a-stranger/);
  });

  it("describes each file by the bytes that buf wrote, with custom options and comments", async () => {
    const { port } = await fixture.serve({});
    const image = readFileSync(new URL("../../protos/descriptor.binpb", import.meta.url));
    for (const [question, name] of [
      [{ fileByFilename: "ccsp/queue/v1/queue_service.proto" }, "ccsp/queue/v1/queue_service.proto"],
      [{ fileContainingSymbol: "ccsp.task.v1.Task.id" }, "ccsp/task/v1/task.proto"],
      [{ fileContainingSymbol: "ccsp.task.v1.TASK_STATE_QUEUED" }, "ccsp/task/v1/task.proto"],
      [{ fileContainingSymbol: `${QUEUE}.Enqueue` }, "ccsp/queue/v1/queue_service.proto"],
      [{ fileContainingSymbol: "ccsp.access.v1.access" }, "ccsp/access/v1/access.proto"],
      [
        { fileContainingExtension: { containingType: "google.protobuf.MethodOptions", extensionNumber: ACCESS } },
        "ccsp/access/v1/access.proto",
      ],
    ] as const) {
      const files = await filesOf(port, question);
      assert.equal(fromBinary(FileDescriptorProtoSchema, files[0] ?? new Uint8Array()).name, name);
      for (const bytes of files) assert.ok(image.includes(Buffer.from(bytes)), name);
    }
    const { allExtensionNumbersResponse } = await reflect(port, {
      allExtensionNumbersOfType: "google.protobuf.MethodOptions",
    });
    assert.deepEqual(allExtensionNumbersResponse?.extensionNumber, [ACCESS]);
  });

  it("answers NOT_FOUND for a symbol, a file and an extension that it does not know", async () => {
    const { port } = await fixture.serve({});
    for (const question of [
      { fileContainingSymbol: "ccsp.nobody" },
      { fileContainingSymbol: "__proto__" },
      { fileByFilename: "nobody.proto" },
      { fileContainingExtension: { containingType: "google.protobuf.MethodOptions", extensionNumber: 1 } },
      { allExtensionNumbersOfType: "ccsp.nobody" },
    ])
      assert.equal((await reflect(port, question)).errorResponse?.errorCode, 5, JSON.stringify(question));
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
