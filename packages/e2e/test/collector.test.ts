import assert from "node:assert/strict";
import { readPage } from "@ccsp/docs-generator/blocks.js";
import { parse } from "yaml";

type Parts = Readonly<Record<string, unknown>>;

/** The parts of the collector's configuration that this test reads. */
interface Collector {
  readonly receivers: Parts;
  readonly processors: Parts;
  readonly connectors: Parts;
  readonly exporters: Parts;
  readonly extensions: Parts;
  readonly service: {
    readonly extensions: readonly string[];
    readonly pipelines: Readonly<Record<string, { readonly [kind in Kind]?: readonly string[] }>>;
  };
}

type Kind = "receivers" | "processors" | "exporters";

/** `make test-jaeger` runs the real collector with these files. */
describe("The configuration of the OpenTelemetry Collector", () => {
  const config: Collector = parse(readPage("deploy/otel/collector.yaml"));
  const { service, extensions } = config;
  const { traces, metrics } = service.pipelines;

  it("names only declared parts in each pipeline, and uses every one that it declares", () => {
    assert.deepEqual(service.extensions, Object.keys(extensions));
    for (const kind of ["receivers", "processors", "exporters"] as const) {
      const used = new Set(Object.values(service.pipelines).flatMap((pipeline) => pipeline[kind] ?? []));
      // A connector is the exporter of one pipeline and the receiver of another.
      const declared = [...Object.keys(config[kind]), ...(kind === "processors" ? [] : Object.keys(config.connectors))];
      assert.deepEqual([...used].toSorted(), declared.toSorted(), kind);
    }
  });

  it("bounds its memory first, and keeps every trace: which tasks are traced is decided at their acceptance", () => {
    assert.deepEqual(traces?.processors, ["memory_limiter", "batch"]);
  });

  it("makes metrics of spans, which Jaeger's tab Monitor reads from the Prometheus of compose", () => {
    assert.deepEqual(traces?.exporters, ["otlp/jaeger", "spanmetrics"]);
    assert.deepEqual(metrics, { receivers: ["spanmetrics"], exporters: ["prometheus"] });
    const { endpoint = "" }: { endpoint?: string } = Object(config.exporters["prometheus"]);
    const port = endpoint.split(":")[1];
    const scraped: { scrape_configs: { static_configs?: { targets: string[] }[] }[] } = parse(
      readPage("deploy/compose/prometheus.yaml"),
    );
    const targets = scraped.scrape_configs.flatMap((each) => each.static_configs ?? []).flatMap((each) => each.targets);
    assert.deepEqual(targets, [`otel-collector:${port}`]);
    assert.match(readPage("deploy/compose.yaml"), /--config=\/etc\/otel\/jaeger\.yaml/);
    assert.match(readPage("deploy/otel/jaeger.yaml"), /endpoint: http:\/\/prometheus:9090/);
  });

  it("has tail sampling as an option, which decides about whole traces before batches are made", () => {
    const option: Pick<Collector, "processors" | "service"> = parse(readPage("deploy/otel/tail-sampling.yaml"));
    assert.deepEqual(option.service.pipelines["traces"]?.processors, ["memory_limiter", "tail_sampling", "batch"]);
    const { policies }: { policies: readonly { type: string; [type: string]: unknown }[] } = Object(
      option.processors["tail_sampling"],
    );
    assert.deepEqual(
      policies.map(({ type }) => type),
      ["status_code", "latency", "probabilistic"],
    );
    for (const policy of policies) assert.equal(typeof policy[policy.type], "object", "each has its own settings");
  });

  it("takes spans where services send them: OTLP over gRPC", () => {
    const { protocols }: { protocols?: { grpc?: { endpoint?: string } } } = Object(config.receivers["otlp"]);
    assert.match(protocols?.grpc?.endpoint ?? "", /:4317$/);
  });
});
