import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { GetResponse, type WatchResponse } from "@ccsp/protos/ccsp/queue/v1/task_reads.js";
import { eventually } from "@ccsp/testkit";
import { CallerBounds, createClient, sizeOf } from "../src/index.js";
import { Fixture } from "./fixture.js";
import { gate } from "./gate.js";
import { drain, entry, failure, type Queue, type QueueHandlers, taskNamed } from "./queue-stub.js";

const MB = 1_000_000;

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

/** A function of its own, so that no variable of the test keeps the message. */
async function lastOf(stream: AsyncIterator<object>): Promise<WeakRef<object>> {
  const { value } = await stream.next();
  return new WeakRef(value);
}

describe("a reader that does not read", () => {
  const fixture = new Fixture();
  afterEach(() => fixture.close());
  /** Opens a stream and takes its first message, which is small. */
  const open = async (queue: Pick<Queue, "watch">, agentId: string) => {
    const stream = queue.watch({ agentId })[Symbol.asyncIterator]();
    await stream.next();
    return stream;
  };
  /** Waits until everything that can happen without a further action has happened. */
  const settle = async (queue: Queue) => {
    for (let i = 0; i < 100; i++) await queue.get({ taskId: "t1" });
  };

  it("prepares only what it takes, and one large message in advance", async () => {
    let made = 0;
    const queue = await fixture.serveAndConnect({
      async *watch() {
        for (;;) {
          await turn();
          made += 1;
          yield entry(made, "x".repeat(MB));
        }
      },
    });
    const stream = queue.watch({})[Symbol.asyncIterator]();
    await stream.next();
    await settle(queue);
    assert.ok(made <= 2, `${made} messages of 1 MB were made for one that was read`);
    await stream.next();
    await settle(queue);
    assert.ok(made <= 3, `${made} were made for two`);
    await stream.return?.();
  });

  it("gets no more than its caller's limit, over all of its streams; another caller is served meanwhile", async () => {
    const made = new Map<string, number>();
    const handlers = {
      async *watch(
        { agentId }: { agentId: string },
        { unread }: { unread: { countFor(caller: string): void; reserve(bytes: number): Promise<void> } },
      ) {
        unread.countFor(agentId);
        yield entry(1);
        for (let sequence = 2; ; sequence++) {
          await unread.reserve(MB);
          made.set(agentId, (made.get(agentId) ?? 0) + 1);
          yield entry(sequence, "x".repeat(MB));
        }
      },
    };
    const server = await fixture.serve(handlers, { callers: new CallerBounds({ unreadBytes: 4 * MB }) });
    // Each client has its own connection. Its windows hold at most 64 KB.
    const clients = Array.from({ length: 30 }, () => fixture.connect(server));
    const streams = await Promise.all(clients.map((client) => open(client, "alice")));
    const bob = fixture.connect(server);
    await eventually(() => assert.ok((made.get("alice") ?? 0) >= 4));
    await settle(bob);
    assert.equal(made.get("alice"), 4);
    const other = await open(bob, "bob");
    assert.equal((await other.next()).value?.event?.sequence, 2);
    await other.return?.();
    for (const stream of streams) await stream.return?.();
    const again = await open(bob, "alice");
    assert.equal((await again.next()).value?.event?.sequence, 2);
    await again.return?.();
  });

  it("does not hold up the others on its connection: a small answer waits for no large one", async () => {
    const large = entry(1, "x".repeat(2 * MB));
    let begun = 0;
    const queue = await fixture.serveAndConnect({
      async *watch() {
        begun += 1;
        yield large;
      },
    });
    let ended = 0;
    const watches = Array.from({ length: 30 }, async () => {
      await drain(queue.watch({}));
      ended += 1;
    });
    await eventually(() => assert.equal(begun, watches.length));
    await queue.get({ taskId: "t1" });
    assert.ok(ended < watches.length / 2, `${ended} of ${watches.length} large answers came before it`);
    await Promise.all(watches);
  });

  it("receives no message before its reader asks for it", async () => {
    let decoded = 0;
    const { watch } = QueueServiceService;
    const counted = {
      ...watch,
      responseDeserialize(bytes: Buffer) {
        decoded += 1;
        return watch.responseDeserialize(bytes);
      },
    };
    const server = await fixture.serve({
      async *watch() {
        for (let sequence = 1; ; sequence++) yield entry(sequence, "x".repeat(sequence === 1 ? 1 : MB));
      },
    });
    const queue = fixture.connect(server);
    const reader = fixture.own(createClient({ watch: counted }, `127.0.0.1:${server.port}`));
    decoded = 0;
    const stream = await open(reader, "");
    for (let taken = 1; taken <= 2; taken++) {
      await settle(queue);
      assert.equal(decoded, taken);
      await stream.next();
    }
    await stream.return?.();
  });

  it("has its small messages counted too, when it has many", async () => {
    let made = 0;
    const handlers: Partial<QueueHandlers> = {
      async *watch({ agentId }, { unread }) {
        unread.countFor(agentId);
        yield entry(1);
        for (let sequence = 2; ; sequence++) {
          await turn();
          made += 1;
          yield entry(sequence, "x".repeat(60_000));
        }
      },
    };
    const server = await fixture.serve(handlers, { callers: new CallerBounds({ unreadBytes: 2 * MB }) });
    const clients = Array.from({ length: 30 }, () => fixture.connect(server));
    const streams = await Promise.all(clients.map((client) => open(client, "alice")));
    await settle(fixture.connect(server));
    // One fills the window of its stream, and one waits to be counted: 60. The limit allows 33 beside these.
    assert.ok(made <= 60 + 33, `${made} messages of 60 kB were made`);
    for (const stream of streams) await stream.return?.();
  });

  it("makes no work when it leaves: none of its streams that wait is served before its own end is seen", async () => {
    let waiting = 0;
    let made = 0;
    const queue = await fixture.serveAndConnect(
      {
        async *watch({ agentId }, { unread }) {
          unread.countFor(agentId);
          yield entry(1);
          waiting += 1;
          await unread.reserve(MB);
          made += 1;
          yield entry(2, "x".repeat(MB));
        },
      },
      { server: { callers: new CallerBounds({ unreadBytes: 2 * MB }) } },
    );
    const streams = await Promise.all(Array.from({ length: 50 }, () => open(queue, "alice")));
    await eventually(() => assert.equal(waiting, streams.length));
    await settle(queue);
    const before = made;
    await Promise.all(streams.map(async (stream) => stream.return?.()));
    await settle(queue);
    assert.ok(made - before <= 2, `${made - before} answers were made for nobody`);
  });

  it("keeps nothing of its last message when it has left", async () => {
    const queue = await fixture.serveAndConnect({
      async *watch() {
        for (;;) yield entry(1, "x".repeat(MB));
      },
    });
    const stream = queue.watch({})[Symbol.asyncIterator]();
    const last = await lastOf(stream);
    await stream.return?.();
    await eventually(() => {
      collectGarbage();
      assert.ok(last.deref() === undefined);
    });
    assert.equal((await stream.next()).done, true);
  });

  it("gets CALLER_LIMIT for another large answer when too many already wait, with the time to retry", async () => {
    let expected = 10;
    const all = gate();
    const queue = await fixture.serveAndConnect(
      {
        async get({ agentId }, { unread }) {
          unread.countFor(agentId);
          expected -= 1;
          if (expected <= 0) all.open();
          await all.opened;
          return GetResponse.fromPartial({ task: { id: "x".repeat(MB) } });
        },
      },
      { server: { callers: new CallerBounds({ unreadBytes: 2 * MB }) } },
    );
    const settled = await Promise.allSettled(Array.from({ length: 10 }, () => queue.get({ agentId: "alice" })));
    const refused = settled.flatMap((each) =>
      each.status === "rejected" ? [failure(Promise.reject(each.reason))] : [],
    );
    // Two of these messages are slightly larger than the caller's limit.
    assert.equal(refused.length, 8);
    for (const error of await Promise.all(refused)) {
      assert.deepEqual([error.reason, error.quota[0]?.subject], ["CALLER_LIMIT", "unread_bytes"]);
      assert.ok((error.retryAfterMs ?? 0) > 0);
    }
    assert.equal((await queue.get({ agentId: "alice" })).task?.id.length, MB);
  });

  it("holds one message, which is encoded once, for many readers of the same message", async () => {
    let encoded = 0;
    const shared = { event: entry(1, "x".repeat(MB)).event } satisfies WatchResponse;
    const text = shared.event?.event;
    assert.ok(text?.$case === "textDelta");
    const value = text.value.text;
    Object.defineProperty(text.value, "text", { enumerable: true, get: () => ((encoded += 1), value) });
    const queue = await fixture.serveAndConnect({
      async *watch() {
        yield shared;
      },
    });
    encoded = 0;
    const all = await Promise.all(Array.from({ length: 20 }, () => drain(queue.watch({}))));
    assert.equal(all.length, 20);
    const once = encoded;
    assert.ok(once > 0 && once <= 3, `the text of 20 messages was read ${once} times`);
  });

  it("learns how many bytes a large message has", async () => {
    const queue = await fixture.serveAndConnect({
      get: async () => taskNamed("x"),
      async *watch() {
        yield entry(1, "small");
        yield entry(2, "x".repeat(MB));
      },
    });
    const sizes: number[] = [];
    for await (const message of queue.watch({})) sizes.push(Math.round(sizeOf(message) / MB));
    assert.deepEqual(sizes, [0, 1]);
  });
});
