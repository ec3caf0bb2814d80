import assert from "node:assert/strict";
import { createClient } from "@ccsp/grpc-kit";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { eventually, type OtlpReceiver, startOtlpReceiver } from "@ccsp/testkit";
import { Client, credentials, Metadata, status } from "@grpc/grpc-js";
import { startTraced } from "./traced-process.js";

interface Called {
  readonly target: string;
  readonly queue: ReturnType<typeof createClient<typeof QueueServiceService>>;
  readonly metadata: { readonly traceparent: string };
  /** Resolves once the server's handler for this task waits without end. */
  waiting(taskId: string): Promise<unknown>;
}

interface FailedCall {
  readonly what: string;
  readonly method: "Get" | "Watch";
  readonly code: status;
  /** The error message of the span. Undefined if the caller itself caused the failure. */
  readonly why?: string;
  call(called: Called): Promise<unknown>;
}

const FAILED_CALLS: readonly FailedCall[] = [
  {
    what: "a unary call that the handler refuses",
    method: "Get",
    code: status.NOT_FOUND,
    call: ({ queue, metadata }) => queue.get({ taskId: "refused" }, { metadata }),
  },
  {
    what: "a call that authorisation refuses",
    method: "Get",
    code: status.UNAUTHENTICATED,
    call: ({ queue, metadata }) => queue.get({}, { metadata: { ...metadata, authorization: "wrong" } }),
  },
  {
    what: "a unary call that its caller cancels",
    method: "Get",
    code: status.CANCELLED,
    async call({ queue, metadata, waiting }) {
      const caller = new AbortController();
      const call = queue.get({ taskId: "cancelled" }, { metadata, signal: caller.signal });
      await Promise.all([call, waiting("cancelled").finally(() => caller.abort())]);
    },
  },
  {
    what: "a unary call past its deadline",
    method: "Get",
    code: status.DEADLINE_EXCEEDED,
    why: "the deadline passed",
    call: getWithDeadlineOfServerOnly,
  },
  {
    what: "a stream that fails after its first message",
    method: "Watch",
    code: status.NOT_FOUND,
    async call({ queue, metadata }) {
      for await (const _ of queue.watch({ taskId: "refused" }, { metadata }));
    },
  },
  {
    what: "a stream that its caller cancels after the first message",
    method: "Watch",
    code: status.CANCELLED,
    async call({ queue, metadata }) {
      const caller = new AbortController();
      for await (const _ of queue.watch({ taskId: "left" }, { metadata, signal: caller.signal })) caller.abort();
    },
  },
];

const UNTRACED = "f".repeat(32);

describe("the span of a served call that fails", () => {
  let receiver: OtlpReceiver;
  let complaints: readonly string[];
  const traceId = (index: number) => String(index + 1).padStart(32, "0");

  before(async () => {
    receiver = await startOtlpReceiver();
    const server = startTraced("./failing-server.ts", [], { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint });
    try {
      const { port } = await eventually(() => server.logged("ready"), { timeoutMs: 45_000, what: "the server" });
      const target = `127.0.0.1:${String(port)}`;
      const queue = createClient(QueueServiceService, target);
      const waiting = (taskId: string) => eventually(() => server.logged(`${taskId} waits`));
      for (const [index, { call, what, code }] of FAILED_CALLS.entries()) {
        const metadata = { traceparent: `00-${traceId(index)}-00f067aa0ba902b7-01` };
        await assert.rejects(call({ target, queue, metadata, waiting }), { code }, what);
      }
      const refused = { traceparent: `00-${UNTRACED}-00f067aa0ba902b7-01`, authorization: "wrong" };
      await assert.rejects(queue.list({}, { metadata: refused }), { code: status.UNAUTHENTICATED });
      // This call is on the same connection, so it comes after the last cancel. Otherwise the end of the server could
      // overtake that cancel.
      await assert.rejects(queue.get({ taskId: "refused" }), { code: status.NOT_FOUND });
      queue.close();
      server.child.kill("SIGTERM");
      complaints = (await server.ended).err;
    } finally {
      server.child.kill("SIGKILL");
    }
  });
  after(() => receiver.close());

  for (const [index, { what, method, code, why }] of FAILED_CALLS.entries()) {
    const outcome = why === undefined ? "no error" : "an error";
    it(`exists once, as ${outcome} with ${status[code]}, for ${what}`, () => {
      const rpcMethod = `ccsp.queue.v1.QueueService/${method}`;
      const rpc = {
        "rpc.system.name": "grpc",
        "rpc.method": rpcMethod,
        "rpc.status_code": status[code],
        "rpc.response.status_code": status[code],
      };
      assert.deepEqual(
        receiver.trace(traceId(index)).map(({ kind, name, parentSpanId, attributes, error }) => {
          return { kind, name, parentSpanId, attributes, error };
        }),
        [
          {
            kind: "server",
            name: rpcMethod,
            parentSpanId: "00f067aa0ba902b7",
            error: why,
            attributes: why === undefined ? rpc : { ...rpc, "error.type": status[code] },
          },
        ],
      );
    });
  }

  it("does not exist for a refused call of an untraced method", () => {
    assert.deepEqual(receiver.trace(UNTRACED), []);
  });

  it("is ended only once, since the SDK would complain otherwise", () => {
    assert.deepEqual(complaints, []);
  });
});

describe("the client span of a call that does not succeed", () => {
  it("exists once, as an error with the caller's message, also for a stream that its reader leaves", async () => {
    const receiver = await startOtlpReceiver();
    const server = startTraced("./failing-server.ts", [], {});
    try {
      const { port } = await eventually(() => server.logged("ready"), { timeoutMs: 45_000, what: "the server" });
      const caller = startTraced("./failing-caller.ts", [`127.0.0.1:${String(port)}`], {
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
        TRACEPARENT: `00-${"1".repeat(32)}-00f067aa0ba902b7-01`,
        NAMED: `00-${"2".repeat(32)}-00f067aa0ba902b7-01`,
      });
      assert.deepEqual((await caller.ended).err, [], "the SDK reports a span that is ended twice");
      const spans = receiver.trace("1".repeat(32));
      const late = spans[1]?.error ?? "";
      assert.match(late, /no answer within/);
      assert.deepEqual(
        spans.map(({ kind, name, parentSpanId, attributes, error }) => [
          kind,
          parentSpanId,
          name.replace("ccsp.queue.v1.QueueService/", ""),
          attributes["rpc.response.status_code"],
          attributes["error.type"],
          error,
          attributes["server.address"],
          attributes["server.port"] === port,
        ]),
        [
          ["Get", "NOT_FOUND", "NOT_FOUND", "no such task"],
          ["Get", "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED", late],
          ["Watch", "NOT_FOUND", "NOT_FOUND", "no such task"],
          ["Watch", "CANCELLED", "CANCELLED", "its reader left"],
        ].map((call) => ["client", "00f067aa0ba902b7", ...call, "127.0.0.1", true]),
      );
      const named = receiver.trace("2".repeat(32));
      assert.deepEqual(
        named.map(({ kind, parentSpanId }) => [kind, parentSpanId]),
        [["client", "00f067aa0ba902b7"]],
        "a call whose headers name a trace is in that trace",
      );
    } finally {
      server.child.kill("SIGKILL");
      await receiver.close();
    }
  });
});

/** The caller itself has no deadline here. Otherwise its own timer might cancel the call first. */
function getWithDeadlineOfServerOnly({ target, metadata }: Called): Promise<void> {
  const headers = Metadata.fromHttp2Headers({ ...metadata, "grpc-timeout": "100m" });
  const client = new Client(target, credentials.createInsecure());
  const { path, requestSerialize, responseDeserialize } = QueueServiceService.get;
  const request = { taskId: "late", agentId: "" };
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, headers, (error) => {
      client.close();
      if (error) reject(error);
      else resolve();
    });
  });
}
