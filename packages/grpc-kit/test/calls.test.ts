import assert from "node:assert/strict";
import { once } from "node:events";
import { invalidFields, Refusal } from "@ccsp/errors";
import { eventually } from "@ccsp/testkit";
import { status } from "@grpc/grpc-js";
import { pino } from "pino";
import type { CallContext } from "../src/index.js";
import { Fixture } from "./fixture.js";
import { gate } from "./gate.js";
import { failure, taskNamed } from "./queue-stub.js";

describe("a unary call", () => {
  const fixture = new Fixture();
  afterEach(() => fixture.close());

  it("carries the request, metadata and deadline to the handler and its answer back", async () => {
    const seen = gate<CallContext>();
    const queue = await fixture.serveAndConnect({
      async get({ taskId }, context) {
        seen.open(context);
        return taskNamed(`${taskId}!`);
      },
    });
    const metadata = { authorization: "Bearer x" };
    const deadline = new Date(Date.now() + 5_000);
    const { task } = await queue.get({ taskId: "t1" }, { metadata, deadline });

    const context = await seen.opened;
    assert.equal(task?.id, "t1!");
    assert.equal(context.method, "/ccsp.queue.v1.QueueService/Get");
    assert.deepEqual(context.headers["authorization"], "Bearer x");
    assert.ok(context.deadline && Math.abs(context.deadline.getTime() - deadline.getTime()) < 1_000);
  });

  it("has a deadline even if its caller set none", async () => {
    const seen = gate<CallContext>();
    const queue = await fixture.serveAndConnect({
      async get(_, context) {
        seen.open(context);
        return taskNamed("t1");
      },
    });
    await queue.get({});
    assert.ok((await seen.opened).deadline);
  });

  it("gets a refusal as CallError with all its details", async () => {
    const queue = await fixture.serveAndConnect({
      async get() {
        throw invalidFields([{ field: "task_id", description: "is empty" }]);
      },
      async cancel() {
        throw new Refusal("QUEUE_FULL", "the queue is full", {
          retryAfterMs: 1_500,
          quota: [{ subject: "queue:tasks", description: "10000 tasks" }],
          metadata: { task_id: "t1" },
        });
      },
    });
    const invalid = await failure(queue.get({}));
    assert.equal(invalid.code, status.INVALID_ARGUMENT);
    assert.equal(invalid.reason, "INVALID_FIELD");
    assert.equal(invalid.message, "task_id is empty");
    assert.deepEqual(invalid.fields, [{ field: "task_id", description: "is empty" }]);

    const full = await failure(queue.cancel({}));
    assert.equal(full.code, status.RESOURCE_EXHAUSTED);
    assert.equal(full.retryAfterMs, 1_500);
    assert.deepEqual(full.quota, [{ subject: "queue:tasks", description: "10000 tasks" }]);
    assert.deepEqual(full.metadata, { task_id: "t1" });
  });

  it("gets INTERNAL without the cause when a handler has a bug, and the log has the cause", async () => {
    const lines: string[] = [];
    const log = pino({ level: "error" }, { write: (line: string) => void lines.push(line) });
    const bug = async () => {
      throw new Error("secret detail");
    };
    const queue = await fixture.serveAndConnect({ get: bug }, { server: { log } });
    const error = await failure(queue.get({}));
    assert.equal(error.code, status.INTERNAL);
    assert.equal(error.reason, "INTERNAL");
    assert.equal(error.message, "internal error");
    assert.match(lines.join(), /secret detail/);
  });

  it("passes on a refusal of a called service unchanged, and reports an unreachable one as DEPENDENCY_UNAVAILABLE", async () => {
    const back = await fixture.serveAndConnect({
      async get() {
        throw new Refusal("LEASE_LOST", "the lease moved on");
      },
    });
    const away = fixture.connect("127.0.0.1:1");
    const front = await fixture.serveAndConnect({
      get: (request) => back.get(request),
      cancel: (request) => away.cancel(request, { timeoutMs: 300 }),
    });
    assert.equal((await failure(front.get({}))).reason, "LEASE_LOST");
    const error = await failure(front.cancel({}));
    assert.equal(error.reason, "DEPENDENCY_UNAVAILABLE");
    assert.match(error.message, /127\.0\.0\.1:1 /);
  });

  it("ends with DEADLINE_EXCEEDED on both sides when the handler takes longer", async () => {
    const aborted = gate<unknown>();
    const lines: string[] = [];
    const log = pino({ level: "error" }, { write: (line: string) => void lines.push(line) });
    let began = false;
    const slow = async (_: unknown, { signal }: CallContext) => {
      began = true;
      if (!signal.aborted) await once(signal, "abort");
      aborted.open(signal.reason);
      throw new Error("thrown on the way out");
    };
    const queue = await fixture.serveAndConnect({ get: slow }, { server: { log } });
    await eventually(() => queue.reachable());
    const call = () => failure(queue.get({}, { timeoutMs: 60_000, deadline: new Date(Date.now() + 100) }));
    const error = await eventually(async () => {
      const failed = await call();
      assert.ok(began, "the call was over before the server had it");
      return failed;
    });
    assert.equal(error.code, status.DEADLINE_EXCEEDED);
    assert.equal(error.reason, "DEADLINE_EXCEEDED");
    assert.ok((await aborted.opened) instanceof Refusal);
    assert.deepEqual(lines, []);
  });

  it("is cancelled through two servers by the caller's signal", async () => {
    const started = gate();
    const aborted = gate<unknown>();
    const back = await fixture.serveAndConnect({
      async get(_, { signal }) {
        started.open();
        await once(signal, "abort");
        aborted.open(signal.reason);
        throw signal.reason;
      },
    });
    const front = await fixture.serveAndConnect({ get: (request, context) => back.get(request, context) });
    const caller = new AbortController();
    const call = failure(front.get({}, { signal: caller.signal }));
    await started.opened;
    caller.abort();

    assert.equal((await call).reason, "CALL_CANCELLED");
    const reason = await aborted.opened;
    assert.ok(reason instanceof Refusal && reason.reason === "CALL_CANCELLED");
    assert.equal((await failure(front.get({}, { signal: caller.signal }))).reason, "CALL_CANCELLED");
  });

  it("passes the caller's deadline to the next server", async () => {
    const seen = gate<CallContext>();
    const back = await fixture.serveAndConnect({
      async get(_, context) {
        seen.open(context);
        return taskNamed("t1");
      },
    });
    const front = await fixture.serveAndConnect({ get: (request, context) => back.get(request, context) });
    const deadline = new Date(Date.now() + 60_000);
    await front.get({}, { deadline });
    const reached = (await seen.opened).deadline;
    assert.ok(reached && reached.getTime() > Date.now() + 30_000, `${reached?.toISOString()} is the default instead`);
  });

  it("fails at once when its client is closed, even while it waits for a connection", async () => {
    const queue = fixture.connect("127.0.0.1:1");
    const waiting = failure(queue.get({}));
    queue.close();
    assert.equal((await waiting).code, status.UNAVAILABLE);
    assert.match((await failure(queue.get({}))).message, /closed/);
  });
});
