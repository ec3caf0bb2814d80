import assert from "node:assert/strict";
import { readPage } from "@ccsp/docs-generator/blocks.js";
import { parse } from "yaml";

type Parts = Readonly<Record<string, unknown>>;

/** The parts of the collector's configuration that this test reads. */
interface Collector {
  readonly receivers: Parts;
  readonly processors: Parts;
  readonly exporters: Parts;
  readonly extensions: Parts;
  readonly service: {
    readonly extensions: readonly string[];
    readonly pipelines: Readonly<Record<string, Readonly<Record<"receivers" | "processors" | "exporters", string[]>>>>;
  };
}

/** The collector itself cannot be installed here. */
describe("The configuration of the OpenTelemetry Collector", () => {
  const config: Collector = parse(readPage("deploy/otel/collector.yaml"));
  const { service, extensions } = config;

  it("names only declared parts in each pipeline, and uses every one that it declares", () => {
    assert.deepEqual(service.extensions, Object.keys(extensions));
    for (const kind of ["receivers", "processors", "exporters"] as const) {
      const used = new Set(Object.values(service.pipelines).flatMap((pipeline) => pipeline[kind]));
      assert.deepEqual([...used].toSorted(), Object.keys(config[kind]).toSorted(), kind);
    }
  });

  it("bounds its memory first, and decides about whole traces before it makes batches", () => {
    assert.deepEqual(service.pipelines["traces"]?.processors, ["memory_limiter", "tail_sampling", "batch"]);
  });

  it("keeps every trace with an error, every slow one, and a share of the rest", () => {
    const { policies }: { policies: readonly { type: string; [type: string]: unknown }[] } = Object(
      config.processors["tail_sampling"],
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
