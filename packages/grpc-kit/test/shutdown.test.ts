import assert from "node:assert/strict";
import { once } from "node:events";
import { status } from "@grpc/grpc-js";
import { Fixture } from "./fixture.js";
import { gate } from "./gate.js";
import { drain, entry, failure, taskNamed } from "./queue-stub.js";
import { healthClient } from "./standard-clients.js";

describe("a server that closes", () => {
  const fixture = new Fixture();
  afterEach(() => fixture.close());

  it("ends streams with SHUTTING_DOWN and lets unary calls finish", async () => {
    const [called, answer, watching] = [gate(), gate(), gate()];
    const server = await fixture.serve(
      {
        async get() {
          called.open();
          await answer.opened;
          return taskNamed("late");
        },
        async *watch(_, { signal }) {
          yield entry(1);
          watching.open();
          await once(signal, "abort");
        },
      },
      { drainMs: 60_000 },
    );
    const queue = fixture.connect(server);
    const call = queue.get({});
    const stream = failure(drain(queue.watch({})));
    await Promise.all([called.opened, watching.opened]);

    const closed = server.close();
    const error = await stream;
    assert.equal(error.code, status.UNAVAILABLE);
    assert.equal(error.reason, "SHUTTING_DOWN");
    answer.open();
    assert.equal((await call).task?.id, "late");
    await closed;
  });

  it("cuts off a call that does not finish within the drain time", async () => {
    const [called, never] = [gate(), gate()];
    const server = await fixture.serve(
      {
        async get() {
          called.open();
          await never.opened;
          return taskNamed("too late");
        },
      },
      { drainMs: 50 },
    );
    // A repeat would wait for a server, and none comes.
    const client = fixture.connect(server, { channelOptions: { "grpc.enable_retries": 0 } });
    const call = failure(client.get({}));
    await called.opened;
    await server.close();
    assert.equal((await call).code, status.UNAVAILABLE);
  });

  it("cuts off a stream that is not read; its reader sees UNAVAILABLE, because no one cancelled it", async () => {
    const stalled = gate();
    const server = await fixture.serve(
      {
        async *watch() {
          for (let sequence = 1; ; sequence++) {
            const full = setTimeout(stalled.open, 200);
            yield entry(sequence, "x".repeat(256 * 1024));
            clearTimeout(full);
          }
        },
      },
      { drainMs: 50 },
    );
    const stream = fixture.connect(server).watch({})[Symbol.asyncIterator]();
    await stream.next();
    await stalled.opened;
    await server.close();
    const error = await failure(drain({ [Symbol.asyncIterator]: () => stream }));
    assert.equal(error.code, status.UNAVAILABLE);
    assert.equal(error.reason, "DEPENDENCY_UNAVAILABLE");
  });

  it("sends NOT_SERVING to health watches first, serves calls for the lame-duck time, and then ends the watches", async () => {
    const server = await fixture.serve({}, { lameDuckMs: 3_000, drainMs: 60_000 });
    const queue = fixture.connect(server);
    await queue.get({ taskId: "t1" });
    const health = fixture.own(healthClient(server.port));
    const watch = health.watch({ service: "ccsp.queue.v1.QueueService" });
    const seen: string[] = [];
    const notServing = gate();
    watch.on("data", ({ status: serving }: { status: string }) => {
      seen.push(serving);
      if (serving === "NOT_SERVING") notServing.open();
    });
    const ended = once(watch, "end");
    await once(watch, "data");

    const closed = server.close();
    await notServing.opened;
    assert.equal((await queue.get({ taskId: "t2" })).task?.id, "t2");
    await ended;
    await closed;
    assert.deepEqual(seen, ["SERVING", "NOT_SERVING"]);
  });

  it("closes once, however often close is called", async () => {
    const server = await fixture.serve({});
    await Promise.all([server.close(), server.close()]);
  });
});
