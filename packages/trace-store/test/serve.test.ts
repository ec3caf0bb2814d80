import assert from "node:assert/strict";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findTrace, otlpService, serveTraces, type TraceStore } from "@ccsp/trace-store";
import { Client, credentials, type ServiceError, status } from "@grpc/grpc-js";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import { SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";

describe("serveTraces", () => {
  let dir: string;
  let socket: string;
  let store: TraceStore;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "ccsp-traces-"));
    socket = join(dir, "traces.sock");
    await writeFile(socket, "left behind");
    // Time stands still, so a slow machine does not make room for more.
    store = await serveTraces(socket, { now: () => 0 });
  });
  afterEach(async () => {
    await store.close();
    await rm(dir, { recursive: true, force: true });
  });

  /** Sends bytes as an export. Returns the code of the answer. */
  const send = async (...exports: readonly Buffer[]): Promise<readonly status[]> => {
    const client = new Client(`unix:${socket}`, credentials.createInsecure());
    const { path } = otlpService(() => {}).definition["Export"] ?? { path: "" };
    const codes = exports.map(
      (bytes) =>
        new Promise<status>((resolve) => {
          const answered = (error: ServiceError | null) => resolve(error?.code ?? status.OK);
          client.makeUnaryRequest(
            path,
            (each: Buffer) => each,
            (each) => each,
            bytes,
            answered,
          );
        }),
    );
    return Promise.all(codes).finally(() => client.close());
  };

  it("takes what the SDK exports with its settings, and gives it back, through a socket for its owner only", async () => {
    assert.equal((await stat(socket)).mode & 0o777, 0o600);
    const url = store.settings["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] ?? "";
    const exporter = new OTLPTraceExporter({ url, credentials: credentials.createInsecure() });
    const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
    const span = provider.getTracer("test").startSpan("work");
    span.end();
    await provider.shutdown();
    const { traceId } = span.spanContext();
    const { spans, store: counts } = await findTrace(socket, traceId);
    assert.deepEqual([spans.map(({ name }) => name), counts.traces], [["work"], 1]);
    assert.deepEqual((await findTrace(socket, "0".repeat(32))).spans, []);
  });

  it("refuses what is not an export, what is too large, and what comes too fast, and answers on", async () => {
    assert.deepEqual(await send(Buffer.from([0x0a, 0xff])), [status.INVALID_ARGUMENT]);
    assert.deepEqual(await send(Buffer.alloc(5 * 1024 * 1024)), [status.RESOURCE_EXHAUSTED]);
    // An unknown field of 3 MiB.
    const length = 3 * 1024 * 1024;
    const padding = Buffer.concat([Buffer.from([0x7a, 0x80, 0x80, 0xc0, 0x01]), Buffer.alloc(length)]);
    // On a slow machine more of them are within the rate; byte-rate.test.ts counts exactly.
    const codes = await send(...Array.from({ length: 12 }, () => padding));
    assert.deepEqual(new Set(codes), new Set([status.OK, status.RESOURCE_EXHAUSTED]));
    assert.deepEqual((await findTrace(socket, "0".repeat(32))).spans, []);
  });

  it("drops spans whose ids do not have the length that OTLP says", async () => {
    // ExportTraceServiceRequest { resource_spans { scope_spans { spans { trace_id, span_id } } } }
    const field = (number: number, bytes: Buffer) =>
      Buffer.concat([Buffer.from([number * 8 + 2, 0x80 + (bytes.length & 0x7f), bytes.length >> 7]), bytes]);
    const spanOf = (traceId: Buffer) => {
      const span = field(2, Buffer.concat([field(1, traceId), field(2, Buffer.alloc(8, 1))]));
      return field(1, field(2, span));
    };
    const ids = [16, 15, 9_000].map((length) => Buffer.alloc(length, 0xab));
    await send(...ids.map(spanOf));
    const counts = await Promise.all(ids.map(async (id) => (await findTrace(socket, id.toString("hex"))).spans.length));
    assert.deepEqual(counts, [1, 0, 0]);
  });

  it("says that the store does not answer when it is closed", async () => {
    await store.close();
    await assert.rejects(findTrace(socket, "0".repeat(32)), /the trace store does not answer/);
  });
});
