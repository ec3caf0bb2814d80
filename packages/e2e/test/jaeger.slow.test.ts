import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { CcspClient } from "@ccsp/client";
import { ROOT } from "@ccsp/docs-generator/blocks.js";
import { startWorld, type World } from "@ccsp/e2e-kit/world.js";
import { freePort } from "@ccsp/fleet";
import { eventually, scaled, skip } from "@ccsp/testkit";
import { type Span, shortName } from "@ccsp/trace-store";
import { criticalPath, drawn, shareOfEngine } from "../src/trace-form.js";
import { STORIES, type Story } from "../src/trace-stories.js";

/** A trace, as Jaeger's own page reads it. */
interface Trace {
  readonly traceID: string;
  readonly spans: readonly JaegerSpan[];
  readonly processes: Readonly<Record<string, { readonly serviceName: string }>>;
  readonly warnings?: readonly string[] | null;
}

interface JaegerSpan {
  readonly spanID: string;
  readonly operationName: string;
  readonly processID: string;
  /** Microseconds. */
  readonly startTime: number;
  readonly duration: number;
  readonly warnings?: readonly string[] | null;
  readonly references: readonly { readonly refType: string; readonly spanID: string; readonly traceID: string }[];
  readonly tags: readonly { readonly key: string; readonly value: unknown }[];
}

interface Search {
  readonly service: string;
  readonly operation?: string;
  readonly minDuration?: string;
  readonly tags?: Readonly<Record<string, string>>;
}

const TOOLS = join(ROOT, ".tools/jaeger");
const OTEL = join(ROOT, "deploy/otel");
/** Longer than the 30 s of the documented search. */
const LONG_WAIT_MS = 32_000;
/** So many pieces of text, 5 ms apart, stand for the run of ten minutes: its trace has the same spans. */
const LONG_RUN_WORDS = 2_400;

/** It compiles programs for minutes, so it is run by hand: `make test-jaeger`. */
describe("The traces of a fleet, in a real Jaeger behind a real collector,", function () {
  this.timeout(600_000);
  const running: ChildProcess[] = [];
  let jaeger: string;
  let sampledJaeger: string;
  let world: World;
  let client: CcspClient;
  let waitMs: number;
  before(async function () {
    for (const program of ["jaeger", "otelcol"])
      if (!existsSync(join(TOOLS, program))) skip(this, `${program} is not built (with Go: deploy/setup.sh jaeger)`);
    waitMs = scaled(2_000);
    const [all, kept] = [await startJaeger(), await startJaeger()];
    [jaeger, sampledJaeger] = [all.url, kept.url];
    const sampling = await startCollector(kept.otlp, ["--config", join(OTEL, "tail-sampling.yaml")], {
      TAIL_SAMPLING_WAIT: `${waitMs}ms`,
      TAIL_SAMPLING_PERCENT: "0",
    });
    const collector = await startCollector(all.otlp, [
      ...override(`exporters::otlp/sampled: { endpoint: "${sampling}", tls: { insecure: true } }`),
      ...override("service::pipelines::traces::exporters: [otlp/jaeger, spanmetrics, otlp/sampled]"),
    ]);
    world = await startWorld({
      engine: "scripted",
      slots: 4,
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: `http://${collector}`, CCSP_GATEWAY_TRACES_URL: jaeger },
    });
    client = world.client("ada");
  });
  after(async () => {
    await world?.close();
    for (const child of running.toReversed()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = once(child, "exit");
      child.kill();
      await gone;
    }
  });

  const override = (yaml: string): string[] => ["--config", `yaml:${yaml}`];
  const QUIET = override("service::telemetry: { metrics: { level: none }, logs: { level: error } }");

  function start(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): void {
    running.push(
      spawn(join(TOOLS, program), args, {
        env: { OTEL_TRACES_SAMPLER: "always_off", ...env },
        stdio: ["ignore", "ignore", "inherit"],
      }),
    );
  }

  async function startJaeger(): Promise<{ url: string; otlp: string }> {
    const [http, otlp, health, grpc] = [await freePort(), await freePort(), await freePort(), await freePort()];
    start("jaeger", [
      ...["--config", join(OTEL, "jaeger.yaml"), ...QUIET],
      ...override(`extensions::jaeger_query::http::endpoint: 127.0.0.1:${http}`),
      ...override(`extensions::jaeger_query::grpc::endpoint: 127.0.0.1:${grpc}`),
      ...override(`extensions::healthcheckv2::http::endpoint: 127.0.0.1:${health}`),
      ...override(`receivers::otlp::protocols::grpc::endpoint: 127.0.0.1:${otlp}`),
    ]);
    const url = `http://127.0.0.1:${http}`;
    await eventually(async () => assert.equal((await fetch(`${url}/api/services`)).status, 200), { timeoutMs: 30_000 });
    return { url, otlp: `127.0.0.1:${otlp}` };
  }

  async function startCollector(to: string, more: readonly string[], env = {}): Promise<string> {
    const [otlp, health, metrics] = [await freePort(), await freePort(), await freePort()];
    const args = [
      ...["--config", join(OTEL, "collector.yaml"), ...more, ...QUIET],
      ...override(`receivers::otlp::protocols::grpc::endpoint: 127.0.0.1:${otlp}`),
      ...override(`extensions::health_check::endpoint: 127.0.0.1:${health}`),
      ...override(`exporters::prometheus::endpoint: 127.0.0.1:${metrics}`),
      // The test looks at tasks of a second. Batches of two seconds would hide when their spans came.
      ...override("processors::batch::timeout: 50ms"),
      ...override("connectors::spanmetrics::metrics_flush_interval: 1s"),
    ];
    start("otelcol", args, { JAEGER_ENDPOINT: to, ...env });
    spanMetrics = `http://127.0.0.1:${metrics}/metrics`;
    const healthy = async () => assert.equal((await fetch(`http://127.0.0.1:${health}`)).status, 200);
    await eventually(healthy, { timeoutMs: 30_000 });
    return `127.0.0.1:${otlp}`;
  }
  /** The metrics of the collector that was started last, which gets every span. */
  let spanMetrics: string;

  /** The call that Jaeger's page makes for a search. */
  async function search({ tags, ...search }: Search, at = jaeger): Promise<Trace[]> {
    const now = Date.now() * 1_000;
    const query = new URLSearchParams({
      ...{ ...search, start: String(now - 3_600e6), end: String(now + 60e6), limit: "1500", lookback: "1h" },
      ...(tags && { tags: JSON.stringify(tags) }),
    });
    const answer = await fetch(`${at}/api/traces?${query.toString()}`);
    const { data, errors }: { data: Trace[] | null; errors: unknown } = JSON.parse(await answer.text());
    assert.ok(data, JSON.stringify(errors));
    return data;
  }

  const idsFound = async (what: Search): Promise<string[]> => (await search(what)).map(({ traceID }) => traceID);

  /** Finds this trace by a search, and others that are not among `not`. */
  const finds = (what: Search, trace: string, ...not: string[]) =>
    eventually(
      async () => {
        const found = await idsFound(what);
        assert.ok(found.includes(trace), `${JSON.stringify(what)} finds ${found.length} traces, not ${trace}`);
        for (const other of not) assert.ok(!found.includes(other), `${JSON.stringify(what)} also finds ${other}`);
      },
      { timeoutMs: 20_000 },
    );

  const traceOf = async (id: string, at = jaeger): Promise<Trace | undefined> => {
    const answer = await fetch(`${at}/api/traces/${id}`);
    if (answer.status === 404) return undefined;
    const { data }: { data: Trace[] } = JSON.parse(await answer.text());
    return data[0];
  };

  const watched = async (id: string): Promise<void> => {
    for await (const { type } of client.watch(id)) if (type === "ended") return;
  };

  /** Submits a task and follows it to its end. Returns its ids. */
  async function ended(prompt: string, more = {}): Promise<{ id: string; trace: string }> {
    const { id, traceId } = await client.submit({ prompt, maxAttempts: 1, ...more });
    await watched(id);
    return { id, trace: traceId };
  }

  /** The spans of a trace, once it has this form in Jaeger. */
  const spansOf = ({ traceId, form }: Story): Promise<readonly Span[]> =>
    eventually(
      async () => {
        const spans = decoded((await traceOf(traceId)) ?? assert.fail(`Jaeger has no trace ${traceId}`));
        assert.equal(drawn(spans), form);
        return spans;
      },
      { timeoutMs: 30_000 },
    );

  const engineShare = (spans: readonly Span[], name: string): number => {
    const root = spans.find((span) => shortName(span) === name) ?? assert.fail(`no span ${name}`);
    return shareOfEngine(criticalPath(spans, root));
  };

  for (const [name, tell] of Object.entries(STORIES))
    it(`has the story "${name}" as its tree, and warns of nothing`, async () => {
      for (const story of await tell({ world, client, longRunWords: LONG_RUN_WORDS })) {
        const { length } = await spansOf(story);
        assert.deepEqual(warningsIn((await traceOf(story.traceId)) ?? assert.fail()), []);
        console.log(`ratio spans_of_${name.replaceAll(" ", "_")} ${length}`);
      }
    });

  it("has the engine on the critical path of a task, and of a call that waits for its task", async () => {
    const [story] = await STORIES["a long run"]({ world, client, longRunWords: 400 });
    const submitted = await spansOf(story);
    let traceId = "";
    for await (const event of client.run({
      prompt: "[[delay:20]] a task with some words that come one after the other",
    }))
      if (event.type === "accepted") ({ traceId } = event.task);
    const awaited = await eventually(
      async () => {
        const spans = decoded((await traceOf(traceId)) ?? assert.fail(`Jaeger has no trace ${traceId}`));
        for (const span of ["AgentService/RunTask", "task", "engine.run claude-code"])
          assert.ok(spans.some((each) => shortName(each) === span));
        return spans;
      },
      { timeoutMs: 30_000 },
    );
    const shares = {
      task: engineShare(submitted, "task"),
      run: engineShare(awaited, "AgentService/RunTask"),
      // The call ended before the engine began. Jaeger's path ends with the call, as docs/traces.md says.
      submit: engineShare(submitted, "AgentService/SubmitTask"),
    };
    for (const [name, share] of Object.entries(shares))
      console.log(`ratio engine_on_critical_path_of_${name} ${share.toFixed(2)}`);
    assert.ok(shares.task > 0.5 && shares.run > 0.5 && shares.submit === 0, JSON.stringify(shares));
  });

  it("is found by every search of docs/traces.md", async () => {
    const page = (await readFile(join(ROOT, "docs/traces.md"), "utf8")).replaceAll(/\s+/g, " ");
    for (const said of [
      "the service `ccsp-queue`, the operation `queue.wait` and a minimum duration of `30s`",
      "For failed ones, choose the operation `task` with the tag `ccsp.outcome=FAILED`",
      "keeps traces in memory finds nothing with `error=true` and with `otel.status_code=ERROR`",
    ])
      assert.ok(page.includes(said), `the page no longer says: ${said}`);
    const waits = await client.submit({ prompt: "[[text:late]]", startTime: new Date(Date.now() + LONG_WAIT_MS) });
    const done = await ended("[[text:hello]]");
    const failed = await ended("[[exit:1]]");
    await finds(
      { service: "ccsp-queue", operation: "task", tags: { "ccsp.outcome": "FAILED" } },
      failed.trace,
      done.trace,
    );
    await watched(waits.id);
    await finds(
      { service: "ccsp-queue", operation: "queue.wait", minDuration: "30s" },
      waits.traceId,
      done.trace,
      failed.trace,
    );
    for (const tags of [{ error: "true" }, { "otel.status_code": "ERROR" }])
      assert.deepEqual(await idsFound({ service: "ccsp-queue", operation: "task", tags }), [], JSON.stringify(tags));
  });

  it("is read by the gateway, and shown without the rest of the tracing system", async () => {
    const { id, trace } = await ended("[[text:hello]]");
    await eventually(
      async () => {
        const { traceId, readable, spans } = await client.trace(id);
        assert.deepEqual([traceId, readable], [trace, true]);
        for (const name of ["task", "queue.wait", "task.attempt", "engine.run claude-code"])
          assert.ok(
            spans.some((span) => span.name === name),
            name,
          );
      },
      { timeoutMs: 20_000 },
    );
  });

  it("becomes metrics of spans, without the ids of tasks", async () => {
    const { id } = await ended("[[text:hello]]");
    await eventually(
      async () => {
        const text = await (await fetch(spanMetrics)).text();
        assert.match(text, /calls_total\{[^}]*service_name="ccsp-queue"[^}]*span_name="task"/);
        assert.match(text, /duration_[a-z_]*bucket\{[^}]*span_name="engine\.run claude-code"/);
        assert.ok(!text.includes(id));
      },
      { timeoutMs: 20_000 },
    );
  });

  it("loses, with tail sampling, the tasks that fail after its wait, and keeps those that fail before", async () => {
    const kept = async (after: number): Promise<boolean> => {
      // Two words, each after a pause, and then the failure.
      const { trace } = await ended(`[[no-result]][[text:a b]][[delay:${Math.round((after * waitMs) / 2)}]]`);
      await eventually(async () => assert.ok(await traceOf(trace)), { timeoutMs: 20_000 });
      // The decision is over when that of a task that began later is.
      const later = await ended("[[exit:1]]");
      await eventually(async () => assert.ok(await traceOf(later.trace, sampledJaeger)), { timeoutMs: 60_000 });
      return (await traceOf(trace, sampledJaeger)) !== undefined;
    };
    const outcome = [await kept(0.5), await kept(3), await kept(10)];
    assert.deepEqual(outcome, [true, false, false]);
  });
});

/** The spans of Jaeger's JSON, in the form in which CCSP's own store has them. */
function decoded({ traceID, spans, processes }: Trace): readonly Span[] {
  return spans.map(({ spanID, operationName, processID, startTime, duration, references, tags }) => {
    const attributes = Object.fromEntries(tags.map(({ key, value }) => [key, value]));
    const waitFor = attributes["ccsp.wait.for"];
    return {
      name: operationName,
      traceId: traceID,
      spanId: spanID,
      parentSpanId: references.find(({ refType }) => refType === "CHILD_OF")?.spanID ?? "",
      service: processes[processID]?.serviceName ?? "",
      kind: attributes["span.kind"] === "client" ? "client" : "unspecified",
      startMs: startTime / 1_000,
      endMs: (startTime + duration) / 1_000,
      // A list is a text of JSON there.
      attributes: { ...attributes, ...(typeof waitFor === "string" && { "ccsp.wait.for": JSON.parse(waitFor) }) },
      links: [],
      ...(attributes["error"] === true && { error: "error" }),
    };
  });
}

/** What Jaeger warns of in a trace and its spans: a clock that is wrong, or a span that ends before it begins. */
const warningsIn = ({ spans, warnings }: Trace): readonly string[] => [
  ...(warnings ?? []),
  ...spans.flatMap(({ operationName, warnings }) => (warnings ?? []).map((text) => `${operationName}: ${text}`)),
];
