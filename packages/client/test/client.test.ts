import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Reason, Refusal } from "@ccsp/errors";
import { serverTls } from "@ccsp/grpc-kit";
import { ErrorCategory, StateChanged, TaskEnded, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import { type Authority, createAuthority, eventually, scaled } from "@ccsp/testkit";
import {
  AuthenticationError,
  BudgetExhaustedError,
  type CcspClient,
  CcspError,
  type ClientOptions,
  ConflictError,
  createCcspClient,
  InvalidTaskError,
  NotFoundError,
  PermissionError,
  QueueFullError,
  type RunEvent,
  SubmitStoppedError,
  TaskFailedError,
  TaskStateError,
  UnavailableError,
} from "../src/index.js";
import { type FakeGateway, startFakeGateway } from "./fake-gateway.js";

const text = (value: string) => ({ $case: "textDelta", value: { text: value, message: 1 } }) as const;
const succeeded = (answer: string) =>
  ({
    $case: "taskEnded",
    value: TaskEnded.fromPartial({ state: TaskState.SUCCEEDED, result: { text: answer } }),
  }) as const;

describe("client", () => {
  /** The gateway is in this process: the client must not give it up while a busy machine stops both. */
  const connectMs = 20_000;
  let gateway: FakeGateway;
  let client: CcspClient;
  beforeEach(async () => {
    gateway = await startFakeGateway();
    client = createCcspClient({ target: gateway.target, token: "a-token", connectMs });
  });
  afterEach(async () => {
    client.close();
    await gateway.stop();
  });

  it("runs a task from acceptance to its end", async () => {
    const types: string[] = [];
    let answer = "";
    for await (const event of client.run({ prompt: "hello" }, { requestId: "r" })) {
      types.push(event.type);
      if (event.type === "accepted") {
        for (const entry of [text("hel"), text("lo"), succeeded("hello")]) gateway.append(event.task.id, entry);
      }
      if (event.type === "text") answer += event.text;
      if (event.type === "ended") assert.equal(event.result?.text, "hello");
    }
    assert.deepEqual(types, ["accepted", "text", "text", "ended"]);
    assert.equal(answer, "hello");
  });

  it("resolves to the result when a run is awaited", async () => {
    const run = client.run({ prompt: "hello" }, { requestId: "r" });
    const result = run.result();
    await eventually(() => assert.equal(gateway.watchers(), 1));
    gateway.append("task-of-r", succeeded("hi"));
    assert.equal((await result).text, "hi");
    assert.equal((await run.result()).text, "hi", "a second time as well");
  });

  it("throws TaskFailedError, with the category, when an awaited run has no result", async () => {
    const result = client.run({ prompt: "hello" }, { requestId: "r" }).result();
    await eventually(() => assert.equal(gateway.watchers(), 1));
    const error = { category: ErrorCategory.CONTEXT_OVERFLOW, message: "too long" };
    gateway.append("task-of-r", {
      $case: "taskEnded",
      value: TaskEnded.fromPartial({ state: TaskState.FAILED, error }),
    });
    await assert.rejects(result, (failed) => {
      assert.ok(failed instanceof TaskFailedError);
      assert.equal(failed.state, "FAILED");
      assert.equal(failed.taskId, "task-of-r");
      assert.equal(failed.category, "CONTEXT_OVERFLOW");
      assert.match(failed.message, /too long/);
      return true;
    });
  });

  it("shows both ends of a task that was put back, and returns the last as the result", async () => {
    const failed = { $case: "taskEnded", value: TaskEnded.fromPartial({ state: TaskState.FAILED }) } as const;
    const putBack = {
      $case: "stateChanged",
      value: StateChanged.fromPartial({ state: TaskState.QUEUED, reason: "put back" }),
    } as const;
    const { id } = await client.submit({ prompt: "hello" }, { requestId: "r" });
    for (const entry of [failed, putBack, succeeded("at last")]) gateway.append(id, entry);
    const ends: string[] = [];
    for await (const entry of client.watch(id)) if (entry.type === "ended") ends.push(entry.state);
    assert.deepEqual(ends, ["FAILED", "SUCCEEDED"]);
    const run = client.run({ prompt: "hello" }, { requestId: "r" });
    assert.equal((await run.result()).text, "at last");
  });

  it("shows every entry once and in order while the gateway restarts again and again", async () => {
    const sequences: number[] = [];
    for await (const event of client.run({ prompt: "hello" }, { requestId: "r" })) {
      if (event.type === "accepted") gateway.append(event.task.id, text("1"));
      if (event.type !== "text") continue;
      sequences.push(event.sequence);
      await gateway.stop();
      gateway.append("task-of-r", event.sequence < 4 ? text("more") : succeeded("done"));
      await gateway.start();
    }
    assert.deepEqual(sequences, [1, 2, 3, 4]);
    assert.deepEqual([...gateway.requests], [["r", 1]], "the task was submitted once");
  });

  it("waits for an unreachable gateway, and submits once with one request id", async () => {
    await gateway.stop();
    const events: RunEvent[] = [];
    const run = (async () => {
      for await (const event of client.run({ prompt: "hello" })) {
        events.push(event);
        if (event.type === "accepted") gateway.append(event.task.id, succeeded("hi"));
      }
    })();
    const submitted = client.submit({ prompt: "hello" }, { requestId: "mine" });
    await gateway.start();
    await run;
    assert.equal((await submitted).id, "task-of-mine");
    assert.deepEqual(
      events.map((event) => event.type),
      ["accepted", "ended"],
    );
    assert.equal(gateway.requests.size, 2);
  });

  it("creates a new request id for each task", async () => {
    await client.submit({ prompt: "a" });
    await client.submit({ prompt: "a" });
    assert.equal(gateway.requests.size, 2);
  });

  it("gives up with UnavailableError when no gateway answers for the configured time", async () => {
    await gateway.stop();
    const impatient = createCcspClient({ target: gateway.target, token: "a-token", resumeMs: 50 });
    await assert.rejects(async () => {
      for await (const _ of impatient.watch("t"));
    }, UnavailableError);
    impatient.close();
    await gateway.start();
  });

  it("watches from the given sequence", async () => {
    const { id } = await client.submit({ prompt: "hello" });
    for (const entry of [text("a"), text("b"), succeeded("ab")]) gateway.append(id, entry);
    const sequences: number[] = [];
    for await (const { sequence } of client.watch(id, { afterSequence: 1 })) sequences.push(sequence);
    assert.deepEqual(sequences, [2, 3]);
  });

  it("submits the other tasks of a batch when one is wrong, and names the fields of that one", async () => {
    const beyond = { prompt: "late", startTime: new Date("+010000-01-01T00:00:00Z") };
    const inputs: object[] = [{ prompt: "a" }, { prompt: "b", piority: "low" }, beyond, { prompt: "c" }];
    // A program without types can pass such inputs.
    const untyped: Parameters<CcspClient["submitMany"]>[0] = Object(inputs);
    const outcomes = await client.submitMany(untyped);
    assert.deepEqual(
      outcomes.map((each) => ("taskId" in each ? "stored" : Object(each.error).fields[0]?.field)),
      ["stored", "spec.piority", "spec.start_time", "stored"],
    );
    assert.equal(gateway.requests.size, 2);
  });

  it("refuses a misspelt setting or word, which would select everything or be left out without a sign", async () => {
    const list = async (settings: object) => {
      for await (const _ of client.list(settings)) assert.fail("it lists");
    };
    const wrong: [Promise<unknown>, string][] = [
      [list({ states: ["RUNING"] }), "states has an item 0 that is not one of SCHEDULED, QUEUED, "],
      [list({ label: { team: "a" } }), "label is not a field of the settings of a list"],
      [client.submit({ prompt: "a" }, Object({ requestID: "r" })), "requestID is not a field of the settings"],
      [client.run({ prompt: "a" }, Object({ requestID: "r" })).result(), "requestID is not a field of the settings"],
      ...[{ timezone: "Asia/Tokyo" }, { missedRuns: "run-some" }].map((more): [Promise<unknown>, string] => [
        client.schedules.put(Object({ name: "n", cron: "* * * * *", task: { prompt: "a" }, ...more })),
        Object.keys(more)[0] ?? "",
      ]),
    ];
    for (const [call, says] of wrong) {
      await assert.rejects(call, (error) => {
        assert.ok(error instanceof InvalidTaskError, String(error));
        assert.ok(error.message.includes(says), error.message);
        return true;
      });
    }
    assert.equal(gateway.headers.length, 0, "nothing was sent");
  });

  it("lists pages as the loop needs them", async () => {
    for (let count = 0; count < 5; count += 1) await client.submit({ prompt: "a" }, { requestId: `${count}` });
    const before = gateway.headers.length;
    const ids: string[] = [];
    for await (const { id } of client.list({ pageSize: 2 })) {
      ids.push(id);
      if (ids.length === 3) break;
    }
    assert.deepEqual(ids, ["task-of-0", "task-of-1", "task-of-2"]);
    assert.equal(gateway.headers.length - before, 2, "the third page was not asked for");
  });

  it("gets, cancels, and returns the capabilities of the installation", async () => {
    const { id } = await client.submit({ prompt: "hello" });
    assert.equal((await client.get(id)).state, "QUEUED");
    assert.equal((await client.cancel(id, "enough")).state, "CANCELLED");
    assert.equal((await client.capabilities()).maxPromptBytes, 1024);
  });

  it("throws the signal's reason and ends its stream at the gateway", async () => {
    const stop = new AbortController();
    const reason = new Error("the user left");
    const run = async () => {
      for await (const event of client.run({ prompt: "hello" }, { signal: stop.signal })) {
        assert.equal(event.type, "accepted");
        await eventually(() => assert.equal(gateway.watchers(), 1));
        stop.abort(reason);
      }
    };
    await assert.rejects(run(), reason);
    await eventually(() => assert.equal(gateway.watchers(), 0));
  });

  it("ends every call when it is closed: streams, and calls that wait for an unreachable gateway", async () => {
    const { id } = await client.submit({ prompt: "hello" });
    const watching = (async () => {
      for await (const _ of client.watch(id));
    })();
    await eventually(() => assert.equal(gateway.watchers(), 1));
    client.close();
    const closed = (error: unknown) => error instanceof CcspError && error.reason === "CALL_CANCELLED";
    await assert.rejects(watching, closed);
    await eventually(() => assert.equal(gateway.watchers(), 0));

    await gateway.stop();
    const waiting = createCcspClient({ target: gateway.target, token: "a-token" });
    const never = waiting.capabilities();
    waiting.close();
    await assert.rejects(never, closed);
    await gateway.start();
  });

  it("gets a token before every call and sends the given trace context", async () => {
    let asked = 0;
    const renewing = createCcspClient({
      target: gateway.target,
      token: async () => `token-${(asked += 1)}`,
      connectMs,
    });
    const traceparent = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01";
    await renewing.capabilities();
    await renewing.submit({ prompt: "hello" }, { traceparent });
    renewing.close();
    assert.deepEqual(
      gateway.headers.map((header) => header["authorization"]),
      ["Bearer token-1", "Bearer token-2"],
    );
    assert.deepEqual(gateway.headers[1]?.["traceparent"], traceparent);
  });

  it("neither sends nor repeats in a message a token that is not valid in a header", async () => {
    for (const token of ["", "two\nlines"]) {
      const broken = createCcspClient({ target: gateway.target, token });
      await assert.rejects(broken.capabilities(), (error) => {
        assert.ok(error instanceof AuthenticationError);
        assert.ok(!error.message.includes("two"));
        return true;
      });
      broken.close();
    }
    assert.equal(gateway.headers.length, 0);
  });

  it("asks for a new token when the gateway calls it expired, and repeats the call once", async () => {
    let asked = 0;
    const jwt = () => `e30.${Buffer.from(JSON.stringify({ exp: 9e9, id: (asked += 1) })).toString("base64url")}.x`;
    const renewing = createCcspClient({ target: gateway.target, token: jwt, connectMs });
    await renewing.capabilities();
    await renewing.capabilities();
    assert.equal(asked, 1, "a valid token is kept");
    gateway.refuseNext(new Refusal("TOKEN_EXPIRED", "expired"));
    await renewing.capabilities();
    assert.equal(asked, 2);
    gateway.refuseNext(new Refusal("TOKEN_EXPIRED", "expired"));
    const { id } = await renewing.submit({ prompt: "hello" });
    gateway.append(id, succeeded("hi"));
    gateway.refuseNext(new Refusal("TOKEN_EXPIRED", "expired"));
    for await (const entry of renewing.watch(id)) assert.equal(entry.sequence, 1);
    assert.equal(asked, 4);
    renewing.close();

    const fixed = createCcspClient({ target: gateway.target, token: "fixed", connectMs });
    gateway.refuseNext(new Refusal("TOKEN_EXPIRED", "expired"));
    await assert.rejects(fixed.capabilities(), { name: "AuthenticationError", reason: "TOKEN_EXPIRED" });
    fixed.close();
  });

  it("ends a stream for good when its token was revoked, and goes on with a new token if it gets one", async () => {
    const revoked = new Refusal("TOKEN_REVOKED", "the token was revoked");
    const submitted = async () => (await client.submit({ prompt: "hello" })).id;
    const read = async (from: CcspClient, id: string) => {
      const entries: number[] = [];
      for await (const { sequence } of from.watch(id)) entries.push(sequence);
      return entries;
    };
    const final = { name: "AuthenticationError", reason: "TOKEN_REVOKED", message: "the token was revoked" };
    const watching = assert.rejects(read(client, await submitted()), final);
    await eventually(() => assert.equal(gateway.watchers(), 1));
    gateway.endStreams(revoked);
    await watching;
    assert.equal(gateway.headers.length, 2, "the fixed token was not tried again");

    const tokens = ["a-revoked-key", "a-new-key", "a-revoked-key"];
    const renewing = createCcspClient({
      target: gateway.target,
      token: () => tokens.shift() ?? "a-revoked-key",
      connectMs,
    });
    const id = await submitted();
    const renewed = read(renewing, id);
    await eventually(() => assert.equal(gateway.watchers(), 1));
    gateway.endStreams(revoked);
    await eventually(() => assert.equal(gateway.headers.at(-1)?.["authorization"], "Bearer a-new-key"));
    gateway.append(id, succeeded("hi"));
    assert.deepEqual(await renewed, [1]);

    const unlucky = assert.rejects(read(renewing, await submitted()), final);
    await eventually(() => assert.equal(gateway.watchers(), 1));
    gateway.refuseNext(revoked);
    gateway.endStreams(revoked);
    await unlucky;
    renewing.close();
  });

  it("says within seconds what it tried when it has never reached a gateway", async () => {
    await gateway.stop();
    const port = gateway.target.split(":")[1];
    const ways: readonly [string, RegExp][] = [
      [`127.0.0.1:${port}`, /^no gateway could be reached at 127.0.0.1:\d+: connect ECONNREFUSED 127.0.0.1:\d+$/],
      [`localhost:${port}`, /at localhost:\d+ \(localhost is [^)]*127.0.0.1[^)]*\): connect ECONNREFUSED /],
      ["ccsp.invalid:3000", /at ccsp.invalid:3000: the name ccsp.invalid was not found$/],
    ];
    const checks = ways.map(async ([target, message]) => {
      const lost = createCcspClient({ target, token: "a-token" });
      const calls = [
        () => lost.get("t"),
        () => lost.run({ prompt: "hello" }).result(),
        () => lost.submit({ prompt: "hello" }),
      ];
      // The client gives the resolver of names a quarter of a second.
      await Promise.all(
        calls.map((call) => eventually(() => assert.rejects(call(), { name: "UnavailableError", message }))),
      );
      lost.close();
    });
    await Promise.all(checks);
    await gateway.start();
  });

  const signalled: Readonly<Record<string, (client: CcspClient, signal: AbortSignal) => Promise<unknown>>> = {
    run: (c, signal) => c.run({ prompt: "a" }, { signal }).result(),
    submit: (c, signal) => c.submit({ prompt: "a" }, { signal }),
    submitMany: (c, signal) => c.submitMany([{ prompt: "a" }], { signal }),
    watch: (c, signal) => c.watch("t", { signal })[Symbol.asyncIterator]().next(),
    get: (c, signal) => c.get("t", { signal }),
    list: (c, signal) => c.list({ signal })[Symbol.asyncIterator]().next(),
    cancel: (c, signal) => c.cancel("t", "", { signal }),
    retry: (c, signal) => c.retry("t", "", { signal }),
    explain: (c, signal) => c.explain("t", { signal }),
    trace: (c, signal) => c.trace("t", { signal }),
    estimate: (c, signal) => c.estimate({ prompt: "a" }, { signal }),
    usage: (c, signal) => c.usage({ signal }),
    forecast: (c, signal) => c.forecast({ signal }),
    budgets: (c, signal) => c.budgets({ signal }),
    capabilities: (c, signal) => c.capabilities({ signal }),
    "schedules.put": (c, signal) =>
      c.schedules.put({ name: "a", cron: "* * * * *", task: { prompt: "a" } }, { signal }),
    "schedules.list": (c, signal) => c.schedules.list({ signal }),
    "schedules.delete": (c, signal) => c.schedules.delete("a", { signal }),
  };
  it("has a signal for each method that calls the gateway", () => {
    const { schedules, close: _, ...own } = client;
    const methods = [...Object.keys(own), ...Object.keys(schedules).map((name) => `schedules.${name}`)];
    assert.deepEqual(Object.keys(signalled).toSorted(), methods.toSorted());
  });
  for (const [name, call] of Object.entries(signalled)) {
    it(`ends ${name} with the reason of its signal, before the call and while it waits`, async () => {
      const reason = new Error("the user left");
      await assert.rejects(call(client, AbortSignal.abort(reason)), reason);
      await gateway.stop();
      const stop = new AbortController();
      const waiting = call(client, stop.signal);
      setImmediate(() => stop.abort(reason));
      await assert.rejects(waiting, reason);
      await gateway.start();
    });
  }

  const classes: readonly [Reason, typeof CcspError, boolean][] = [
    ["TOKEN_MISSING", AuthenticationError, false],
    ["TOKEN_INVALID", AuthenticationError, false],
    ["TOKEN_EXPIRED", AuthenticationError, false],
    ["TOKEN_REVOKED", AuthenticationError, false],
    ["SCOPE_MISSING", PermissionError, false],
    ["INVALID_FIELD", InvalidTaskError, false],
    ["ENGINE_UNKNOWN", InvalidTaskError, false],
    ["MESSAGE_TOO_LARGE", InvalidTaskError, false],
    ["TASK_NOT_FOUND", NotFoundError, false],
    ["REQUEST_ID_CONFLICT", ConflictError, false],
    ["TASK_NOT_FAILED", TaskStateError, false],
    ["SUBMIT_STOPPED", SubmitStoppedError, false],
    ["BUDGET_EXHAUSTED", BudgetExhaustedError, false],
    ["QUEUE_FULL", QueueFullError, true],
    ["INTERNAL", CcspError, false],
  ];
  for (const [reason, expected, retryable] of classes) {
    it(`throws ${expected.name} for ${reason}, with the message of the server`, async () => {
      const fields = [{ field: "spec.prompt", description: "is empty" }];
      gateway.refuseNext(new Refusal(reason, "no", { metadata: { key: "value" }, fields, retryAfterMs: 1_500 }));
      await assert.rejects(client.submit({ prompt: "hello" }), (error) => {
        assert.ok(error instanceof CcspError);
        assert.equal(error.constructor, expected);
        assert.equal(error.reason, reason);
        assert.equal(error.retryable, retryable);
        assert.equal(error.metadata["key"], "value");
        if (error instanceof InvalidTaskError) assert.deepEqual(error.fields, fields);
        if (error instanceof QueueFullError) assert.equal(error.retryAfterMs, 1_500);
        return true;
      });
    });
  }
});

describe("a client with TLS", () => {
  let authority: Authority;
  before(async function () {
    authority = await createAuthority(this);
  });
  after(() => authority?.close());

  it("accepts a gateway with a certificate of a known authority, and no other", async () => {
    const { ca } = authority;
    const gateway = await startFakeGateway([], serverTls({ ca, ...(await authority.issue("gateway")) }));
    const own = await authority.issue("alice");
    const connect = (tls: ClientOptions["tls"], resumeMs = 100) =>
      createCcspClient({ target: gateway.target, token: "t", tls, resumeMs });
    const known = connect({ ca, ...own, serverName: "gateway" }, 60_000);
    const unaware = connect({ ...own, serverName: "gateway" }, 60_000);
    const plain = connect(undefined);
    try {
      assert.equal((await known.capabilities()).agentId, "alice");
      const why = /no gateway could be reached at 127.0.0.1:\d+: (self-signed|unable to (get|verify))/;
      await assert.rejects(unaware.capabilities(), { name: "UnavailableError", message: why });
      await assert.rejects(plain.capabilities(), { name: "UnavailableError", message: /does it need TLS\?$/ });
      assert.equal(gateway.headers.length, 1);
    } finally {
      for (const client of [known, unaware, plain]) client.close();
      await gateway.stop();
    }
  });

  it("reads its files again for each new connection", async () => {
    const { ca } = authority;
    const credentials = serverTls({ ca, ...(await authority.issue("gateway")) });
    const gateway = await startFakeGateway([], credentials);
    const dir = await mkdtemp(join(tmpdir(), "ccsp-client-"));
    const file = (name: string) => join(dir, name);
    const { certificate, key } = await authority.issue("alice");
    for (const [name, pem] of Object.entries({ ca, certificate, key })) await writeFile(file(name), pem);
    const files = { caFile: file("ca"), certificateFile: file("certificate"), keyFile: file("key") };
    const tls = { ...files, serverName: "gateway" };
    const client = createCcspClient({
      target: gateway.target,
      token: "t",
      tls,
      connectMs: 20_000,
      resumeMs: scaled(500),
    });
    try {
      assert.equal((await client.capabilities()).agentId, "alice");
      await gateway.stop();
      await writeFile(file("key"), "not a key");
      await gateway.start();
      await assert.rejects(client.capabilities(), UnavailableError);
      await writeFile(file("key"), key);
      await eventually(async () => assert.equal((await client.capabilities()).agentId, "alice"));
      assert.throws(
        () => createCcspClient({ target: "a:1", token: "t", tls: { caFile: file("none") } }),
        /tls\.caFile cannot be read: ENOENT.*none/,
      );
    } finally {
      client.close();
      await gateway.stop();
      await rm(dir, { recursive: true });
    }
  });
});
