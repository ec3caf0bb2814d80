import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { Refusal } from "@ccsp/errors";
import type { WatchResponse } from "@ccsp/protos/ccsp/queue/v1/task_reads.js";
import { status } from "@grpc/grpc-js";
import { Fixture } from "./fixture.js";
import { gate } from "./gate.js";
import { drain, entry, failure, taskNamed } from "./queue-stub.js";

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

describe("a unary call to a target that stops and starts", () => {
  const fixture = new Fixture();
  afterEach(() => fixture.close());

  it("waits for a target that is not up yet", async () => {
    const port = await freePort();
    const queue = fixture.connect(`127.0.0.1:${port}`);
    const call = queue.get({ taskId: "t1" });
    // A stream does not wait for an instance. After two streams have used all their tries, a retry alone would not save
    // the unary call.
    await failure(drain(queue.watch({})));
    await failure(drain(queue.watch({})));
    await fixture.serve({}, { listen: { host: "127.0.0.1", port } });
    assert.equal((await call).task?.id, "t1");
  });

  it("is sent again when the target dies during the call and starts again", async () => {
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

  it("ends with UNAVAILABLE, naming the target, when no server starts before its deadline", async () => {
    const error = await failure(fixture.connect("127.0.0.1:1").get({}, { timeoutMs: 200 }));
    assert.equal(error.code, status.UNAVAILABLE);
    assert.equal(error.reason, "DEPENDENCY_UNAVAILABLE");
    assert.match(error.message, /127\.0\.0\.1:1 /);
  });

  it("says in plain words why no server could be reached, and that no answer came", async () => {
    const nobody = await failure(drain(fixture.connect("127.0.0.1:1").watch({})));
    assert.match(
      nobody.message,
      /^127\.0\.0\.1:1 could not be reached for \S+\/Watch: connect ECONNREFUSED 127\.0\.0\.1:1$/,
    );
    const never = gate();
    const queue = await fixture.serveAndConnect({
      async get() {
        await never.opened;
        return taskNamed("late");
      },
    });
    await queue.cancel({}).catch(() => undefined);
    const late = await failure(queue.get({}, { timeoutMs: 100 }));
    assert.match(late.message, /\/Get at 127\.0\.0\.1:\d+: no answer within [\d.]+ s$/);
    never.open();
  });

  it("is tried four times on UNAVAILABLE, and once on anything else", async () => {
    const tries = { get: 0, cancel: 0 };
    const queue = await fixture.serveAndConnect(
      {
        async get() {
          tries.get += 1;
          throw new Refusal("DEPENDENCY_UNAVAILABLE", "Redis is away");
        },
        async cancel() {
          tries.cancel += 1;
          throw new Refusal("TASK_NOT_FOUND", "no such task");
        },
      },
      { server: { repeatWithinMs: 60_000 } },
    );
    assert.equal((await failure(queue.get({}))).message, "Redis is away");
    await failure(queue.cancel({}));
    assert.deepEqual(tries, { get: 4, cancel: 1 });
  });

  it("is not tried again when the server has already waited long for a dependency: four such waits would be too long", async () => {
    let tries = 0;
    const queue = await fixture.serveAndConnect(
      {
        async get() {
          tries += 1;
          throw new Refusal("DEPENDENCY_UNAVAILABLE", "Redis is away");
        },
      },
      { server: { repeatWithinMs: 0 } },
    );
    assert.equal((await failure(queue.get({}))).message, "Redis is away");
    assert.equal(tries, 1);
  });

  it("is not tried again at an overloaded server: the caller learns at once when to retry", async () => {
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

  it("is tried four times in total when a service behind the called one cannot be reached", async () => {
    let tries = 0;
    const back = await fixture.serveAndConnect(
      {
        async get() {
          tries += 1;
          throw new Refusal("DEPENDENCY_UNAVAILABLE", "Redis is away");
        },
      },
      { server: { repeatWithinMs: 60_000 } },
    );
    const front = await fixture.serveAndConnect({ get: (request, context) => back.get(request, context) });
    assert.equal((await failure(front.get({}))).message, "Redis is away");
    assert.equal(tries, 4);
  });
});

describe("a stream whose first message answers the call", () => {
  const fixture = new Fixture();
  afterEach(() => fixture.close());
  const first = (stream: AsyncIterable<WatchResponse>) => stream[Symbol.asyncIterator]().next();

  it("waits for a target that is not up yet, as a unary call does", async () => {
    const port = await freePort();
    const queue = fixture.connect(`127.0.0.1:${port}`);
    const stream = drain(queue.watch({}, { answersFirst: true }));
    // These streams do not wait, and they use up all their tries.
    await failure(drain(queue.watch({})));
    await failure(drain(queue.watch({})));
    await fixture.serve(
      {
        async *watch() {
          yield entry(1);
        },
      },
      { listen: { host: "127.0.0.1", port } },
    );
    assert.deepEqual(await stream, [1]);
  });

  it("ends with UNAVAILABLE, naming the target, when no server starts within a unary call's time", async () => {
    const queue = fixture.connect("127.0.0.1:1", { timeoutMs: 200 });
    const error = await failure(first(queue.watch({}, { answersFirst: true })));
    assert.deepEqual([error.code, error.reason], [status.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE"]);
    assert.match(error.message, /127\.0\.0\.1:1 /);
  });

  it("ends with DEADLINE_EXCEEDED when its first message does not come in that time, and its handler is aborted", async () => {
    const aborted = gate();
    const server = await fixture.serve({
      async *watch(_, { signal }) {
        await once(signal, "abort");
        aborted.open();
        yield entry(1);
      },
    });
    const queue = fixture.connect(server, { timeoutMs: 1_000 });
    // To connect may take longer than the client's second.
    await queue.get({ taskId: "t1" }, { timeoutMs: 10_000 });
    const error = await failure(first(queue.watch({}, { answersFirst: true })));
    assert.deepEqual([error.code, error.reason], [status.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"]);
    await aborted.opened;
  });

  it("has no deadline after that, except its own", async () => {
    const passed = gate();
    const server = await fixture.serve({
      async *watch({ afterSequence }) {
        if (afterSequence === 0) yield entry(1);
        await passed.opened;
        yield entry(2);
      },
    });
    const queue = fixture.connect(server, { timeoutMs: 1_000 });
    // To connect may take longer than the client's second.
    await queue.get({ taskId: "t1" }, { timeoutMs: 10_000 });
    const answered = queue.watch({}, { answersFirst: true })[Symbol.asyncIterator]();
    await answered.next();
    const patient = drain(queue.watch({ afterSequence: 1 }, { answersFirst: true, timeoutMs: 60_000 }));
    // This call takes a second, the deadline that both streams would have had.
    await failure(first(queue.watch({ afterSequence: 1 }, { answersFirst: true })));
    passed.open();
    assert.equal((await answered.next()).value?.event?.sequence, 2);
    assert.deepEqual(await patient, [2]);
    await answered.return?.();
  });
});
