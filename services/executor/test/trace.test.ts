import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "@ccsp/fleet";
import { createClient } from "@ccsp/grpc-kit";
import { ExecutorServiceService } from "@ccsp/protos/ccsp/executor/v1/executor_service.js";
import { eventually, startOtlpReceiver } from "@ccsp/testkit";
import { startExecutorProcess } from "./executor-process.js";
import { startFakeQueue } from "./fake-queue.js";
import { testEnv } from "./rig.js";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const WAIT_SPAN = "b7ad6b7169203331";
const OLD_TRACE = "1af7651916cd43dd8448eb211c80319c";
const OLD_SPAN = "c7ad6b7169203331";

describe("the trace of an attempt", function () {
  this.timeout(120_000);

  it("continues from the queue's span through the engine's process, without prompt or answer", async () => {
    const dir = await mkdtemp(join(tmpdir(), "ccsp-executor-test-"));
    const queue = await startFakeQueue();
    const traces = await startOtlpReceiver();
    const address = `127.0.0.1:${await freePort()}`;
    const executor = await startExecutorProcess({
      ...testEnv(queue.port, dir),
      CCSP_EXECUTOR_LISTEN: address,
      OTEL_EXPORTER_OTLP_ENDPOINT: traces.endpoint,
      OTEL_SERVICE_NAME: "executor",
    });
    const client = createClient(ExecutorServiceService, address);
    const gate = join(dir, "gate");
    try {
      const task = queue.add(
        `[[gate:${gate}]][[report]] prompt-canary`,
        {},
        {
          traceparent: `00-${TRACE}-${WAIT_SPAN}-01`,
          previousTraceparent: `00-${OLD_TRACE}-${OLD_SPAN}-01`,
        },
      );
      // Processes are looked at twice a second. A run that is shorter may have no memory that was seen.
      await eventually(
        async () => {
          const { resources } = await client.getRun({ taskId: task });
          assert.ok((resources?.peakMemoryBytes ?? 0n) > 1_000_000n);
        },
        { timeoutMs: 45_000 },
      );
      await writeFile(gate, "");
      const request = await eventually(
        () => {
          const { ended } = queue.recordOf(task);
          assert.ok(ended?.how === "complete");
          return ended.request;
        },
        { timeoutMs: 45_000 },
      );
      const { env }: { env: Record<string, string> } = JSON.parse(request.result?.text ?? "");
      await executor.stop();

      const spans = traces.trace(TRACE);
      const named = (name: string) => spans.filter((span) => span.name === name);
      const [attempt] = named("task.attempt");
      const [engine] = named("engine.run claude-code");
      assert.ok(attempt && engine, `spans: ${spans.map(({ name }) => name).join(", ")}`);
      assert.deepEqual([attempt.parentSpanId, attempt.kind], [WAIT_SPAN, "consumer"]);
      assert.deepEqual(attempt.links, [{ traceId: OLD_TRACE, spanId: OLD_SPAN }]);
      assert.equal(engine.parentSpanId, attempt.spanId);
      assert.equal(env["TRACEPARENT"], `00-${TRACE}-${engine.spanId}-01`);
      assert.equal(queue.recordOf(task).reports[0]?.started?.traceparent, `00-${TRACE}-${attempt.spanId}-01`);
      assert.equal(typeof engine.attributes["gen_ai.usage.output_tokens"], "number");
      assert.deepEqual([engine.attributes["ccsp.run.exit"], engine.attributes["process.exit.code"]], ["exited", 0]);
      assert.ok(Number(engine.attributes["ccsp.run.cpu_ms"]) > 0);
      assert.ok(Number(engine.attributes["ccsp.run.peak_memory_bytes"]) > 1e6);
      // Neither the reports of a run nor its end.
      assert.deepEqual(
        spans.filter(({ kind }) => kind === "client").map(({ name }) => name),
        [],
      );
      assert.doesNotMatch(JSON.stringify(traces.spans()), /canary/);
    } finally {
      client.close();
      await executor.stop();
      await traces.close();
      await queue.close();
      await rm(dir, { recursive: true, force: true });
    }
  });
});
