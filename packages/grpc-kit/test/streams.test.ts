import assert from "node:assert/strict";
import { once } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { Refusal } from "@ccsp/errors";
import { status } from "@grpc/grpc-js";
import { Fixture } from "./fixture.js";
import { gate } from "./gate.js";
import { drain, entry, failure } from "./queue-stub.js";

describe("a server stream", () => {
  const fixture = new Fixture();
  afterEach(() => fixture.close());

  it("delivers the messages sent before the failure, and then the refusal", async () => {
    const queue = await fixture.serveAndConnect({
      async *watch() {
        yield entry(1);
        yield entry(2);
        throw new Refusal("DEPENDENCY_UNAVAILABLE", "Redis is away");
      },
    });
    const seen: (number | undefined)[] = [];
    const reading = (async () => {
      for await (const { event } of queue.watch({})) seen.push(event?.sequence);
    })();
    const error = await failure(reading);
    assert.deepEqual(seen, [1, 2]);
    assert.equal(error.code, status.UNAVAILABLE);
    assert.equal(error.message, "Redis is away");
  });

  it("is produced no faster than the client reads", async () => {
    let produced = 0;
    const queue = await fixture.serveAndConnect({
      async *watch() {
        for (;;) {
          await turn();
          produced += 1;
          yield entry(produced, "x".repeat(256 * 1024));
        }
      },
    });
    const stream = queue.watch({})[Symbol.asyncIterator]();
    await stream.next();
    // Each of these calls takes longer than the handler needs to make a message.
    for (let i = 0; i < 100; i++) await queue.get({ taskId: "t1" });
    const stalledAt = produced;
    for (let i = 0; i < 100; i++) await queue.get({ taskId: "t1" });
    assert.equal(produced, stalledAt);
    assert.ok(produced < 50, `${produced} messages were produced for one that was read`);
    await stream.return?.();
  });

  it("is closed when its reader takes nothing for too long, after the messages sent before; other streams continue", async () => {
    const closed = gate();
    let produced = 0;
    const queue = await fixture.serveAndConnect(
      {
        async *watch({ afterSequence }) {
          if (afterSequence > 0) {
            for (let sequence = afterSequence + 1; sequence <= 3; sequence++) yield entry(sequence);
            await closed.opened;
            yield entry(4);
            return;
          }
          try {
            for (produced = 1; ; produced++) {
              await turn();
              yield entry(produced, "x".repeat(256 * 1024));
            }
          } finally {
            closed.open();
          }
        },
      },
      { server: { stalledMs: 50 } },
    );
    const slow = queue.watch({})[Symbol.asyncIterator]();
    await slow.next();
    assert.deepEqual(await drain(queue.watch({ afterSequence: 1 })), [2, 3, 4]);
    const seen = [1];
    const rest = async () => {
      for (let next = await slow.next(); !next.done; next = await slow.next())
        seen.push(next.value.event?.sequence ?? 0);
    };
    const error = await failure(rest());
    assert.equal(error.reason, "SLOW_READER");
    assert.equal(error.code, status.UNAVAILABLE);
    assert.deepEqual(
      seen,
      Array.from({ length: produced }, (_, i) => i + 1),
    );
  });

  it("stops its handler when the reader leaves the loop", async () => {
    const ended = gate<AbortSignal>();
    const queue = await fixture.serveAndConnect({
      async *watch(_, { signal }) {
        try {
          for (let sequence = 1; ; sequence++) {
            await turn();
            yield entry(sequence);
          }
        } finally {
          ended.open(signal);
        }
      },
    });
    for await (const { event } of queue.watch({})) if (event?.sequence === 3) break;
    const signal = await ended.opened;
    assert.ok(signal.reason instanceof Refusal && signal.reason.reason === "CALL_CANCELLED");
  });

  it("stops a handler that waits for something when the caller's signal aborts", async () => {
    const ended = gate();
    const queue = await fixture.serveAndConnect({
      async *watch(_, { signal }) {
        yield entry(1);
        await once(signal, "abort");
        ended.open();
      },
    });
    const caller = new AbortController();
    const reading = (async () => {
      for await (const _ of queue.watch({}, { signal: caller.signal })) caller.abort();
    })();
    assert.equal((await failure(reading)).reason, "CALL_CANCELLED");
    await ended.opened;
  });

  it("has no default deadline, and keeps a given one", async () => {
    const queue = await fixture.serveAndConnect({
      async *watch(_, { signal, deadline }) {
        yield entry(deadline ? 1 : 0);
        if (deadline) await once(signal, "abort");
      },
    });
    assert.deepEqual(await drain(queue.watch({})), [0]);
    assert.equal((await failure(drain(queue.watch({}, { timeoutMs: 100 })))).reason, "DEADLINE_EXCEEDED");
  });

  it("fails with UNAVAILABLE, naming the target, when no server listens", async () => {
    const error = await failure(drain(fixture.connect("127.0.0.1:1").watch({})));
    assert.equal(error.code, status.UNAVAILABLE);
    assert.match(error.message, /127\.0\.0\.1:1/);
  });
});
