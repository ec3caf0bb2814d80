import assert from "node:assert/strict";
import { createServer } from "node:net";
import { Refusal } from "@ccsp/errors";
import { status } from "@grpc/grpc-js";
import { Fixture } from "./fixture.js";
import { gate } from "./gate.js";
import { drain, failure, taskNamed } from "./queue-stub.js";

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

describe("a unary call to a target that comes and goes", () => {
  const fixture = new Fixture();
  afterEach(() => fixture.close());

  it("waits for a target that is not up yet", async () => {
    const port = await freePort();
    const queue = fixture.connect(`127.0.0.1:${port}`);
    const call = queue.get({ taskId: "t1" });
    // A stream does not wait: once two have used up all their tries, trying again would not have been enough for the call.
    await failure(drain(queue.watch({})));
    await failure(drain(queue.watch({})));
    await fixture.serve({}, { listen: { host: "127.0.0.1", port } });
    assert.equal((await call).task?.id, "t1");
  });

  it("is made again when the target dies with it and comes back", async () => {
    const [called, never] = [gate(), gate()];
    const first = await fixture.serve(
      {
        async get() {
          called.open();
          await never.opened;
          return taskNamed("lost");
        },
      },
      { drainMs: 0 },
    );
    const call = fixture.connect(first).get({ taskId: "t1" });
    await called.opened;
    await first.close();
    await fixture.serve({}, { listen: { host: "127.0.0.1", port: first.port } });
    assert.equal((await call).task?.id, "t1");
  });

  it("ends with UNAVAILABLE, naming the target, when nobody comes before its deadline", async () => {
    const error = await failure(fixture.connect("127.0.0.1:1").get({}, { timeoutMs: 200 }));
    assert.equal(error.code, status.UNAVAILABLE);
    assert.equal(error.reason, "DEPENDENCY_UNAVAILABLE");
    assert.match(error.message, /127\.0\.0\.1:1 /);
  });

  it("is tried four times on UNAVAILABLE, and once on anything else", async () => {
    const tries = { get: 0, cancel: 0 };
    const queue = await fixture.serveAndConnect({
      async get() {
        tries.get += 1;
        throw new Refusal("DEPENDENCY_UNAVAILABLE", "Redis is away");
      },
      async cancel() {
        tries.cancel += 1;
        throw new Refusal("TASK_NOT_FOUND", "no such task");
      },
    });
    assert.equal((await failure(queue.get({}))).message, "Redis is away");
    await failure(queue.cancel({}));
    assert.deepEqual(tries, { get: 4, cancel: 1 });
  });

  it("is not tried again at a server that is overloaded: whoever called hears at once when to come back", async () => {
    let tries = 0;
    const queue = await fixture.serveAndConnect({
      async get() {
        tries += 1;
        throw new Refusal("OVERLOADED", "not now", { retryAfterMs: 1_500 });
      },
    });
    assert.equal((await failure(queue.get({}))).retryAfterMs, 1_500);
    assert.equal(tries, 1);
  });

  it("is tried four times in all when what is away is behind the service that it calls", async () => {
    let tries = 0;
    const back = await fixture.serveAndConnect({
      async get() {
        tries += 1;
        throw new Refusal("DEPENDENCY_UNAVAILABLE", "Redis is away");
      },
    });
    const front = await fixture.serveAndConnect({ get: (request, context) => back.get(request, context) });
    assert.equal((await failure(front.get({}))).message, "Redis is away");
    assert.equal(tries, 4);
  });
});
