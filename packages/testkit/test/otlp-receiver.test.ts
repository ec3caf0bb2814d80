import assert from "node:assert/strict";
import { type LeakCheck, leakCheck, type OtlpReceiver, startOtlpReceiver } from "@ccsp/testkit";
import { context, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";

describe("the OTLP receiver", () => {
  let receiver: OtlpReceiver;
  let leaks: LeakCheck;
  before(() => void (leaks = leakCheck()));

  before(async () => {
    receiver = await startOtlpReceiver();
  });

  after(async () => {
    await receiver.close();
    await leaks.check();
  });

  it("keeps what the OpenTelemetry SDK exports: service, ids, kind, times, attributes, links and errors", async () => {
    const provider = new TracerProvider({
      resource: resourceFromAttributes({ "service.name": "queue" }),
      spanProcessors: [new SimpleSpanProcessor({ exporter: new OTLPTraceExporter({ url: receiver.endpoint }) })],
    });
    const tracer = provider.getTracer("test");
    const before = Date.now();
    const parent = tracer.startSpan("enqueue", { kind: SpanKind.PRODUCER });
    const child = tracer.startSpan(
      "attempt",
      {
        kind: SpanKind.CONSUMER,
        links: [{ context: parent.spanContext() }],
        attributes: { text: "t", whole: 7, part: 0.5, yes: true, list: ["a", "b"] },
      },
      trace.setSpan(context.active(), parent),
    );
    child.setStatus({ code: SpanStatusCode.ERROR, message: "lease lost" });
    child.end();
    parent.end();
    await provider.shutdown();

    const { traceId } = parent.spanContext();
    const [first, second] = ["enqueue", "attempt"].map((name) =>
      receiver.trace(traceId).find((span) => span.name === name),
    );
    assert.equal(receiver.spans().length, 2);
    assert.deepEqual(
      [first?.name, first?.kind, first?.service, first?.parentSpanId],
      ["enqueue", "producer", "queue", ""],
    );
    assert.equal(first?.error, undefined);
    assert.deepEqual([second?.name, second?.kind, second?.error], ["attempt", "consumer", "lease lost"]);
    assert.equal(second?.parentSpanId, first?.spanId);
    assert.equal(second?.spanId, child.spanContext().spanId);
    assert.deepEqual(second?.attributes, { text: "t", whole: 7, part: 0.5, yes: true, list: ["a", "b"] });
    assert.deepEqual(second?.links, [{ traceId, spanId: first?.spanId }]);
    assert.ok(second && second.startMs >= before - 1 && second.endMs >= second.startMs);
  });
});
