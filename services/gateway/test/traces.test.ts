import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type RequestListener, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Task } from "@ccsp/protos/ccsp/task/v1/task.js";
import { eventually } from "@ccsp/testkit";
import { type Span, serveTraces } from "@ccsp/trace-store";
import { type ReadSpans, spanReader } from "../src/traces/read-spans.js";
import { traceOf } from "../src/traces/task-trace.js";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const traceOfTask = (readSpans: ReadSpans | undefined, traceId = TRACE) =>
  traceOf(Task.fromPartial({ id: "t-1", traceId }), readSpans);

const OF_TASK = { "ccsp.task.id": "t-1" };
const span = (spanId: string, parentSpanId: string, startMs: number, more: Partial<Span> = {}): Span => ({
  name: `span-${spanId}`,
  traceId: TRACE,
  spanId,
  parentSpanId,
  service: "queue",
  kind: "internal",
  startMs,
  endMs: startMs + 10,
  attributes: { "peer.address": "10.0.0.3:3002", ...(parentSpanId === "" && OF_TASK) },
  links: [],
  ...more,
});

describe("the trace of a task", () => {
  it("has each span after its parent, and children in the order of their start, with nothing else of them", async () => {
    const failing = span("c", "a", 5, { error: "connect ECONNREFUSED 10.0.0.3:3002" });
    const spans = [span("b", "a", 20), failing, span("a", "", 0), span("d", "b", 21)];
    const { spans: listed, readable, traceId } = await traceOfTask(async () => spans);
    assert.deepEqual([readable, traceId], [true, TRACE]);
    assert.deepEqual(
      listed.map(({ name, depth, failed, startTime }) => [name, depth, failed, startTime?.getTime()]),
      [
        ["span-a", 0, false, 0],
        ["span-c", 1, true, 5],
        ["span-b", 1, false, 20],
        ["span-d", 2, false, 21],
      ],
    );
    assert.doesNotMatch(JSON.stringify(listed), /10\.0\.0\.3/);
  });

  it("has no span of the agent, and none of another task that is in the same trace", async () => {
    const about = (task: string) => ({ attributes: { "ccsp.task.id": task } });
    const spans = [
      span("agent", "", 0, { attributes: {} }),
      span("submit", "agent", 1, about("t-1")),
      span("attempt", "submit", 2, about("t-1")),
      span("engine", "attempt", 3),
      span("nested", "engine", 4, about("t-2")),
      span("below-nested", "nested", 5),
      span("sibling", "agent", 6, about("t-2")),
      ...[span("circle-1", "circle-2", 7), span("circle-2", "circle-1", 8)],
    ];
    const { spans: listed } = await traceOfTask(async () => spans);
    assert.deepEqual(
      listed.map(({ name, depth }) => [name, depth]),
      [
        ["span-submit", 0],
        ["span-attempt", 1],
        ["span-engine", 2],
      ],
    );
  });

  it("is listed however deep it is", async () => {
    const chain = Array.from({ length: 50_000 }, (_, at) => span(`s${at}`, at === 0 ? "" : `s${at - 1}`, at));
    const { spans } = await traceOfTask(async () => chain.reverse());
    assert.deepEqual([spans.length, spans.at(-1)?.depth], [2_000, 1_999]);
  });

  it("keeps alike spans apart, has the steps before calls if there are over 2,000, and says how many it left out", async () => {
    const calls = Array.from({ length: 2_500 }, (_, at) => span(`r${at}`, "a", at + 1, { name: "execute_tool" }));
    const late = [span("w", "a", 9_000, { name: "queue.wait" }), span("f", "a", 9_001, { error: "it failed" })];
    const { spans, leftOut } = await traceOfTask(async () => [span("a", "", 0, { name: "task" }), ...calls, ...late]);
    assert.deepEqual([spans.length, leftOut, spans.at(-3)?.startTime?.getTime()], [2_000, 503, 1_997]);
    assert.deepEqual(
      spans.slice(-2).map(({ name }) => name),
      ["queue.wait", "span-f"],
    );
  });

  it("has waits and attempts below a span of the task while its own is not there yet, or was lost", async () => {
    const about = { attributes: OF_TASK };
    const spans = [
      span("call", "", 0, { ...about, name: "SubmitTask" }),
      span("w", "own", 5, { ...about, name: "queue.wait" }),
      span("t", "own", 15, { ...about, name: "task.attempt" }),
    ];
    const { spans: listed } = await traceOfTask(async () => spans);
    assert.deepEqual(
      listed.map(({ name, depth, startTime, endTime }) => [name, depth, startTime?.getTime(), endTime?.getTime()]),
      [
        ["SubmitTask", 0, 0, 10],
        ["task", 0, 5, 25],
        ["queue.wait", 1, 5, 15],
        ["task.attempt", 1, 15, 25],
      ],
    );
  });

  it("has the task's own span once, also if its parent is of a schedule or not there", async () => {
    const about = { attributes: OF_TASK };
    const spans = [
      span("s", "", 0, { name: "queue.schedule", attributes: {} }),
      span("own", "s", 1, { ...about, name: "task" }),
      span("w", "own", 2, { ...about, name: "queue.wait" }),
    ];
    for (const given of [spans, spans.slice(1)]) {
      const { spans: listed } = await traceOfTask(async () => given);
      assert.deepEqual(
        listed.map(({ name, depth }) => [name, depth]),
        [
          ["task", 0],
          ["queue.wait", 1],
        ],
      );
    }
  });

  it("says that it cannot be read where the gateway knows no tracing system, and asks for no trace without an id", async () => {
    assert.deepEqual(await traceOfTask(undefined), { traceId: TRACE, readable: false, spans: [], leftOut: 0 });
    assert.deepEqual(await traceOfTask(() => assert.fail("asked"), ""), {
      traceId: "",
      readable: true,
      spans: [],
      leftOut: 0,
    });
  });
});

describe("the spans of a trace", () => {
  const servers: Server[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    }
  });
  /** Serves what a Jaeger would. */
  async function jaeger(listener: RequestListener): Promise<ReadSpans> {
    const server = createServer(listener).listen(0, "127.0.0.1");
    servers.push(server);
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    return spanReader(`http://127.0.0.1:${port}/jaeger/`, 60_000);
  }

  it("come from Jaeger's query service, with parents, services and failures", async () => {
    const asked: (string | undefined)[] = [];
    const references = [
      { refType: "FOLLOWS_FROM", traceID: "another", spanID: "9" },
      { refType: "CHILD_OF", traceID: TRACE, spanID: "1" },
    ];
    const data = [
      {
        traceID: TRACE,
        spans: [
          {
            traceID: TRACE,
            spanID: "1",
            operationName: "RunTask",
            processID: "p1",
            startTime: 1_000_500,
            duration: 2_000,
          },
          {
            ...{ traceID: TRACE, spanID: "2", operationName: "task.attempt", processID: "p2", references },
            ...{
              startTime: 1_001_000,
              duration: 500,
              tags: [
                { key: "error", type: "bool", value: true },
                { key: "ccsp.task.id", type: "string", value: "t-1" },
                { key: "server.address", type: "string", value: "10.0.0.3" },
              ],
            },
          },
          { traceID: TRACE, operationName: "without an id", startTime: 1, duration: 1 },
          { traceID: TRACE, spanID: "3", operationName: "at no time", startTime: 1e300, duration: 1 },
        ],
        processes: { p1: { serviceName: "gateway" }, p2: { serviceName: "executor" } },
      },
    ];
    const read = await jaeger(({ url }, answer) => {
      asked.push(url);
      answer.end(JSON.stringify({ data, errors: null }));
    });
    const spans = await read(TRACE);
    assert.deepEqual(asked, [`/jaeger/api/traces/${TRACE}`]);
    assert.deepEqual(
      spans.map(({ name, service, parentSpanId, startMs, endMs, error }) => [
        name,
        service,
        parentSpanId,
        startMs,
        endMs,
        error,
      ]),
      [
        ["RunTask", "gateway", "", 1_000.5, 1_002.5, undefined],
        ["task.attempt", "executor", "1", 1_001, 1_001.5, "error"],
      ],
    );
    assert.equal(spans[1]?.attributes["ccsp.task.id"], "t-1");
  });

  it("come from a trace of 12 MiB with hostile text, of which little is in memory at once", async () => {
    const odd = '\\"}]{"spans":[{\u00fc\\';
    const tags = [
      { key: "odd", value: odd },
      { key: "long", value: "x".repeat(6_500) },
    ];
    const spans = Array.from({ length: 2_000 }, (_, n) => ({
      ...{ traceID: TRACE, spanID: `s${n}`, operationName: odd, processID: "p1", startTime: n, duration: 1 },
      tags: [...tags, { key: "ccsp.task.id", value: "t-1" }],
    }));
    const processes = { p1: { serviceName: "queue", tags } };
    const text = JSON.stringify({ data: [{ traceID: TRACE, spans, processes, warnings: null }], errors: null });
    assert.ok(Buffer.byteLength(text) > 12 * 1024 * 1024);
    const read = await jaeger((_, answer) => answer.end(text));
    const found = await read(TRACE);
    assert.equal(found.length, 2_000);
    const { name, service, attributes } = found[1_999] ?? assert.fail("no span");
    assert.deepEqual([name, service, attributes], [odd, "queue", { "ccsp.task.id": "t-1" }]);
  });

  it("are none if Jaeger does not know the trace", async () => {
    const read = await jaeger((_, answer) => {
      answer.statusCode = 404;
      answer.end(JSON.stringify({ data: null, errors: [{ code: 404, msg: "trace not found" }] }));
    });
    assert.deepEqual(await read(TRACE), []);
  });

  it("come from the store of a local fleet", async () => {
    const folder = await mkdtemp(join(tmpdir(), "ccsp-traces-"));
    const store = await serveTraces(join(folder, "traces.sock"));
    try {
      assert.deepEqual(await spanReader(`unix://${folder}/traces.sock`)(TRACE), []);
    } finally {
      await store.close();
      await rm(folder, { recursive: true });
    }
  });

  const NO_ANSWER = "the tracing system does not answer; call again";
  const NO_JAEGER = "what CCSP_GATEWAY_TRACES_URL names does not answer as Jaeger's query service";
  const wrong: Readonly<Record<string, readonly [RequestListener, string]>> = {
    "answers with a fault": [(_, answer) => void answer.writeHead(500).end(), NO_ANSWER],
    "answers with something else": [(_, answer) => void answer.end("<html>"), NO_JAEGER],
    "answers with JSON of another form": [(_, answer) => void answer.end("null"), NO_JAEGER],
    "sends the gateway elsewhere": [
      (_, answer) => void answer.writeHead(302, { location: "http://127.0.0.1:1/" }).end(),
      NO_ANSWER,
    ],
    "sends more than a trace": [
      (_, answer) => {
        const chunk = Buffer.alloc(1024 * 1024, " ");
        const more = (): void => void answer.write(chunk, (error) => !error && more());
        more();
      },
      "the trace is larger than 32 MiB",
    ],
  };
  for (const [what, [listener, message]] of Object.entries(wrong)) {
    it(`are refused as DEPENDENCY_UNAVAILABLE, without an address, by a tracing system that ${what}`, async () => {
      const read = await jaeger(listener);
      await assert.rejects(read(TRACE), { reason: "DEPENDENCY_UNAVAILABLE", message });
    });
  }

  it("are read once for all who ask for them at the same time, and for four traces at a time", async () => {
    const waiting: ServerResponse[] = [];
    const read = await jaeger((_, answer) => void waiting.push(answer));
    const idOf = (digit: number) => String(digit).repeat(32);
    const reads = [1, 1, 2, 3, 4, 4].map((digit) => read(idOf(digit)));
    await assert.rejects(read(idOf(5)), { reason: "OVERLOADED" });
    await eventually(() => assert.equal(waiting.length, 4));
    for (const answer of waiting.splice(0)) answer.writeHead(404).end();
    await Promise.all(reads);
    const next = read(idOf(5));
    await eventually(() => waiting.pop()?.writeHead(404).end() ?? assert.fail("not asked"));
    assert.deepEqual(await next, []);
  });

  it("are refused in the same way while nothing listens", async () => {
    for (const url of ["http://127.0.0.1:1", "unix:///nowhere/traces.sock"])
      await assert.rejects(spanReader(url)(TRACE), { reason: "DEPENDENCY_UNAVAILABLE" });
  });
});
