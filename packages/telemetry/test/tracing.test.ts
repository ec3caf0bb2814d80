import assert from "node:assert/strict";
import { type ChildProcess, execFile } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { eventually, type OtlpReceiver, startOtlpReceiver } from "@ccsp/testkit";
import { startTraced } from "./traced-process.js";

const { version: VERSION }: { version: string } = JSON.parse(
  readFileSync(new URL("../package.json", import.meta.url), "utf8"),
);
const REGISTER = fileURLToPath(new URL("../dist/register.js", import.meta.url));
/** Prints each module that the process resolves. */
const LIST_MODULES = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from "node:module";
  registerHooks({ resolve(specifier, context, next) {
    process.stdout.write(specifier + "\\n");
    return next(specifier, context);
  } });
`)}`;
const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const TRACEPARENT = `00-${TRACE}-00f067aa0ba902b7-01`;

describe("tracing between two processes", () => {
  const children: ChildProcess[] = [];
  let receiver: OtlpReceiver;

  before(async () => {
    receiver = await startOtlpReceiver();
  });
  after(() => receiver.close());
  afterEach(async () => {
    for (const child of children.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill("SIGKILL");
      await once(child, "exit");
    }
  });

  function start(...process: Parameters<typeof startTraced>) {
    const started = startTraced(...process);
    children.push(started.child);
    return started;
  }

  async function callOnce(env: { server: Record<string, string>; caller: Record<string, string> }) {
    const server = start("./traced-server.ts", [], env.server);
    const { port } = await eventually(() => server.logged("ready"), { timeoutMs: 45_000, what: "the server" });
    const caller = start("./traced-caller.ts", [`127.0.0.1:${String(port)}`], { TRACEPARENT, ...env.caller });
    const called = await caller.ended;
    assert.equal(called.code, 0, called.err.join("\n"));
    server.child.kill("SIGTERM");
    const served = await server.ended;
    assert.equal(served.code, 0, served.err.join("\n"));
    return { server, err: [...called.err, ...served.err] };
  }

  it("exports one trace in which the caller's client span is the parent of the server's span", async () => {
    const env = (name: string) => ({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint, OTEL_SERVICE_NAME: name });
    const { server, err } = await callOnce({ server: env("server"), caller: env("caller") });
    assert.deepEqual(err, []);

    const spans = receiver.trace(TRACE);
    const parents = new Map(spans.map((span) => [span.spanId, `${span.service} ${span.kind} ${span.name}`]));
    const get = "ccsp.queue.v1.QueueService/Get";
    assert.deepEqual(
      spans.map((span) => [parents.get(span.spanId), parents.get(span.parentSpanId) ?? span.parentSpanId]),
      [
        ["caller internal agent", "00f067aa0ba902b7"],
        [`caller client ${get}`, "caller internal agent"],
        [`server server ${get}`, `caller client ${get}`],
        ["server internal work", `server server ${get}`],
      ],
    );
    const line = server.logged("get served");
    assert.equal(line["trace_id"], TRACE);
    assert.equal(line["span_id"], spans[2]?.spanId);
  });

  describe("of a service that names itself", () => {
    let server: Awaited<ReturnType<typeof callOnce>>["server"];
    before(async () => {
      const env = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint };
      const named = { OTEL_SERVICE_NAME: "mine", OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test" };
      ({ server } = await callOnce({
        server: env,
        caller: { ...env, ...named, OTEL_TRACES_SAMPLER: "always_off" },
      }));
    });

    it("creates no span for a method that either side leaves out, nor for a health check", () => {
      assert.ok(!("trace_id" in server.logged("sync served")));
      assert.deepEqual(
        receiver.spans().filter(({ name }) => /Sync|Health/.test(name)),
        [],
      );
    });

    it("gives spans the resource of the service, with nothing of the host or the process", () => {
      const { "telemetry.sdk.version": _, ...own } = receiver.resources().get("ccsp-queue") ?? {};
      assert.deepEqual(own, {
        ...{ "telemetry.sdk.language": "nodejs", "telemetry.sdk.name": "opentelemetry" },
        ...{ "service.name": "ccsp-queue", "service.namespace": "ccsp", "service.instance.id": "queue-7" },
        "service.version": VERSION,
      });
    });

    it("ends spans in whole milliseconds, as they begin, and none at its start", () => {
      for (const { name, startMs, endMs } of receiver.spans()) {
        assert.ok(endMs > startMs && Number.isInteger(startMs), `${name}: ${startMs} to ${endMs}`);
        assert.ok(Number.isInteger(endMs) || endMs - startMs < 0.002, `${name}: ${startMs} to ${endMs}`);
      }
    });

    it("keeps a trace that was sampled where it began, whatever its own sampler says", () => {
      assert.ok(receiver.resources().has("mine"));
    });

    it("lets OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win", () => {
      assert.equal(receiver.resources().get("mine")?.["deployment.environment.name"], "test");
    });
  });

  for (const [what, env] of Object.entries({
    "without any variable": {},
    "without an endpoint": { OTEL_TRACES_SAMPLER: "always_on" },
  })) {
    it(`passes the trace on ${what}, and exports nothing`, async () => {
      const earlier = receiver.spans().length;
      const { server, err } = await callOnce({ server: env, caller: env });
      assert.deepEqual(err, []);
      assert.equal(server.logged("get served")["trace_id"], TRACE);
      assert.equal(receiver.spans().length, earlier);
    });
  }

  it("loads the SDK only if a variable asks for it", async () => {
    const loads = async (env: Record<string, string>): Promise<boolean> => {
      const node = ["--import", LIST_MODULES, "--import", REGISTER, "--eval", ""];
      const { stdout } = await promisify(execFile)(process.execPath, node, { env });
      assert.match(stdout, /sdk-trace/);
      return stdout.includes("sdk-node");
    };
    assert.equal(await loads({ OTEL_EXPORTER_OTLP_ENDPOINT: "" }), false);
    assert.equal(await loads({ OTEL_TRACES_SAMPLER: "always_on" }), true);
  });
});
