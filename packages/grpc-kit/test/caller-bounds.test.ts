import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientHttp2Session, connect, constants } from "node:http2";
import { Refusal } from "@ccsp/errors";
import type { Identity } from "@ccsp/identity";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { eventually } from "@ccsp/testkit";
import { status } from "@grpc/grpc-js";
import { Registry } from "prom-client";
import {
  type Admit,
  CallerBounds,
  type CallerBoundsOptions,
  type ConnectionBounds,
  type GrpcServer,
} from "../src/index.js";
import { Fixture } from "./fixture.js";
import { gate } from "./gate.js";
import { entry, failure, type Queue, type QueueHandlers, taskNamed } from "./queue-stub.js";

const BODY = QueueServiceService.get.requestSerialize({ taskId: "t1", agentId: "" });
/** The message with gRPC's length prefix. */
const FRAMED = Buffer.concat([Buffer.from([0, 0, 0, 0, BODY.length]), BODY]);

const agent = (subject: string): Identity => {
  return { kind: "agent", subject, scopes: [], proof: "token", expireTime: new Date(Date.now() + 60_000) };
};
const as = (name: string) => ({ metadata: { authorization: name } });

describe("a server that limits its callers", () => {
  const fixture = new Fixture();
  afterEach(() => fixture.close());

  const bounds = (limits?: Partial<CallerBoundsOptions["limits"]>) =>
    new CallerBounds({ limits: { unfinishedRequests: 10, bodyMs: 60_000, abandonedPerSecond: 1_000, ...limits } });
  const serve = async (
    handlers: Partial<QueueHandlers> = {},
    { callers = bounds(), ...connections }: { callers?: CallerBounds } & Partial<ConnectionBounds> = {},
  ) => {
    const registry = new Registry();
    const admit: Admit = async (_method, { authorization }) => {
      if (authorization === undefined) throw new Refusal("TOKEN_MISSING", "who are you?");
      return agent(authorization);
    };
    const server = await fixture.serve(handlers, {
      admit,
      callers,
      connections: { streamsPerConnection: 100, connectionsPerAddress: 100, ...connections },
      registry,
    });
    const refused = async () => (await registry.metrics()).match(/^rpc_server_refused_total.* [1-9]\d*$/gm) ?? [];
    return { server, refused, calls: () => registry.metrics() };
  };
  const raw = async (server: GrpcServer): Promise<ClientHttp2Session> => {
    const session = connect(`http://127.0.0.1:${server.port}`);
    session.on("error", () => undefined);
    fixture.own({ close: () => session.destroy() });
    await once(session, "connect");
    return session;
  };
  /** Starts a call and sends only its headers. */
  const begin = (session: ClientHttp2Session, name?: string, path: string = QueueServiceService.get.path) => {
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      ...(name !== undefined && { authorization: name }),
    });
    stream.on("error", () => undefined);
    return stream;
  };
  const served = async (queue: Queue, name: string) =>
    assert.equal((await queue.get({ taskId: "t1" }, as(name))).task?.id, "t1");

  it("refuses a call by its metadata alone, before its body has come", async () => {
    const { server } = await serve();
    const stream = begin(await raw(server));
    const [headers] = await once(stream, "response");
    assert.equal(headers["grpc-status"], String(status.UNAUTHENTICATED));
    await served(fixture.connect(server), "alice");
  });

  it("says why it refuses a call, and counts it like any other", async () => {
    const { server, calls } = await serve();
    const error = await failure(fixture.connect(server).get({ taskId: "t1" }));
    assert.deepEqual([error.reason, error.message], ["TOKEN_MISSING", "who are you?"]);
    assert.match(await calls(), /duration_seconds_count\{[^}]*code="UNAUTHENTICATED"[^}]*\} 1/);
  });

  it("reads a limited number of requests of a caller at a time, lets more wait, and serves other callers", async () => {
    let began = 0;
    const { server } = await serve(
      { get: async ({ taskId }) => ((began += 1), taskNamed(taskId)) },
      { callers: bounds({ unfinishedRequests: 2 }) },
    );
    const session = await raw(server);
    const [first, second] = [begin(session, "alice"), begin(session, "alice")];
    const third = begin(session, "alice");
    third.end(FRAMED);
    await served(fixture.connect(server), "bob");
    assert.equal(began, 1, "the third waits although its body is there");
    const answer = once(third, "response");
    first.end(FRAMED);
    await answer;
    assert.equal(began, 3);
    second.close(constants.NGHTTP2_CANCEL);
  });

  it("counts the calls of a caller at two servers of a process together, if the servers share the limits", async () => {
    const callers = bounds({ unfinishedRequests: 1 });
    let began = 0;
    const get = async ({ taskId }: { taskId: string }) => ((began += 1), taskNamed(taskId));
    const [one, other] = [await serve({ get }, { callers }), await serve({ get }, { callers })];
    const first = begin(await raw(one.server), "alice");
    const session = await raw(other.server);
    const second = begin(session, "alice");
    second.end(FRAMED);
    await served(fixture.connect(one.server), "bob");
    await served(fixture.connect(other.server), "bob");
    assert.equal(began, 2, "the second call waits for the first one at the other server");
    const answer = once(second, "response");
    first.end(FRAMED);
    await answer;
    assert.equal(began, 4);
  });

  it("ends a request whose body does not arrive in time, with the reason, and serves the waiting ones", async () => {
    const { server, refused } = await serve({}, { callers: bounds({ unfinishedRequests: 1, bodyMs: 1_000 }) });
    const session = await raw(server);
    const [slow, next] = [begin(session, "alice"), begin(session, "alice")];
    next.end(FRAMED);
    const [headers] = await once(slow, "response");
    assert.equal(headers["grpc-status"], String(status.RESOURCE_EXHAUSTED));
    assert.equal((await once(next, "response"))[0]["grpc-status"] ?? "0", "0");
    assert.deepEqual(await refused(), ['rpc_server_refused_total{limit="unfinished_requests"} 1']);
  });

  it("refuses a caller that cancels too many calls a second, over all of its connections, says when to retry, and serves other callers", async () => {
    const { server, refused } = await serve(
      {
        async *watch() {
          yield entry(1);
          await gate().opened;
        },
      },
      { callers: bounds({ abandonedPerSecond: 1 }) },
    );
    const clients = Array.from({ length: 4 }, () => fixture.connect(server));
    const watchAndLeave = async (queue: Queue) => {
      for await (const _ of queue.watch({}, as("alice"))) break;
    };
    await eventually(async () => {
      const error = await failure(Promise.all(clients.map(watchAndLeave)));
      assert.deepEqual([error.reason, error.quota[0]?.subject], ["CALLER_LIMIT", "abandoned_calls"]);
      assert.ok((error.retryAfterMs ?? 0) > 0, `${error.retryAfterMs}`);
    });
    await served(fixture.connect(server), "bob");
    assert.match((await refused()).join(), /limit="abandoned_calls"/);
  });

  it("counts calls that are cancelled together long after they began, while other calls came and ended", async () => {
    const { server } = await serve(
      {
        async *watch() {
          yield entry(1);
          await gate().opened;
        },
      },
      { callers: bounds({ abandonedPerSecond: 1 }) },
    );
    const alice = fixture.connect(server);
    const streams = Array.from({ length: 10 }, () => alice.watch({}, as("alice"))[Symbol.asyncIterator]());
    for (const stream of streams) await stream.next();
    await served(fixture.connect(server), "bob");
    for (const stream of streams) await stream.return?.();
    await eventually(async () => {
      const error = await failure(alice.get({ taskId: "t1" }, as("alice")));
      assert.equal(error.reason, "CALLER_LIMIT");
    });
  });

  it("does not count the calls on a connection that ended as cancelled", async () => {
    let ended = 0;
    const { server } = await serve(
      {
        async *watch(_, { signal }) {
          try {
            yield entry(1);
            await once(signal, "abort");
          } finally {
            ended += 1;
          }
        },
      },
      { callers: bounds({ abandonedPerSecond: 1 }) },
    );
    const session = await raw(server);
    const streams = Array.from({ length: 50 }, () => begin(session, "alice", QueueServiceService.watch.path));
    for (const stream of streams) stream.end(FRAMED);
    await Promise.all(streams.map((stream) => once(stream, "response")));
    session.destroy();
    await eventually(() => assert.equal(ended, 50));
    await served(fixture.connect(server), "alice");
  });

  it("closes a connection above the limit of its address before it reads from it, and accepts one again when another has ended", async () => {
    const { server, refused } = await serve({}, { connectionsPerAddress: 2 });
    const [one] = [await raw(server), await raw(server)];
    const third = connect(`http://127.0.0.1:${server.port}`);
    fixture.own({ close: () => third.destroy() });
    third.on("error", () => undefined);
    await once(third, "close");
    assert.deepEqual(await refused(), ['rpc_server_refused_total{limit="connections"} 1']);
    one?.destroy();
    await served(fixture.connect(server), "alice");
  });

  it("lets calls above the limit of a connection wait at the client", async () => {
    const all = gate();
    let began = 0;
    const { server } = await serve(
      {
        async get({ taskId }) {
          began += 1;
          await all.opened;
          return taskNamed(taskId);
        },
      },
      { streamsPerConnection: 5 },
    );
    const queue = fixture.connect(server);
    await queue.list({}, as("alice")).catch(() => undefined);
    const calls = Array.from({ length: 20 }, () => queue.get({ taskId: "t1" }, as("alice")));
    await eventually(() => assert.equal(began, 5));
    const other = fixture.connect(server);
    for (let i = 0; i < 20; i++) await other.cancel({}, as("bob")).catch(() => undefined);
    assert.equal(began, 5);
    all.open();
    await Promise.all(calls);
    assert.equal(began, 20);
  });
});

describe("a server behind a gateway", () => {
  const fixture = new Fixture();
  afterEach(() => fixture.close());

  // Before Node 24, Node's nghttp2 closes a connection with all calls on it. It does so above 33 resets a second, after
  // the first thousand.
  const bounded = Number(process.versions.node.split(".")[0]) >= 24;
  (bounded ? it : it.skip)(
    "keeps the connection of a client that cancels two thousand calls, for its other calls",
    async () => {
      const server = await fixture.serve({
        async *watch() {
          yield entry(1);
          await gate().opened;
        },
      });
      const queue = fixture.connect(server, { channelOptions: { "grpc.enable_retries": 0 } });
      const other = queue.watch({})[Symbol.asyncIterator]();
      await other.next();
      const rest = other.next();
      for (let i = 0; i < 40; i++) {
        await Promise.all(
          Array.from({ length: 50 }, async () => {
            for await (const _ of queue.watch({})) break;
          }),
        );
      }
      const first = await Promise.race([
        rest.then(
          () => "ended",
          (error: Error) => error.message,
        ),
        queue.get({ taskId: "t1" }).then(() => "open"),
      ]);
      assert.equal(first, "open");
      rest.catch(() => undefined);
    },
  );
});
