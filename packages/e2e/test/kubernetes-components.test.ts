import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { filesLike, readPage } from "@ccsp/docs-generator/blocks.js";
import { serviceOf } from "@ccsp/e2e-kit/rpcs.js";
import { DEFAULT_PORTS, SERVICES } from "@ccsp/fleet";
import { buildOf, findProgram, type Resource } from "@ccsp/k8s-checks/build.js";
import { edgesWith } from "@ccsp/k8s-checks/network.js";
import { missingReferences } from "@ccsp/k8s-checks/references.js";
import { faultsBySchema } from "@ccsp/k8s-checks/schema.js";
import { isWorkload, literals, serviceContainer } from "@ccsp/k8s-checks/workloads.js";
import { allRpcs } from "@ccsp/protos/access.js";
import { skip } from "@ccsp/testkit";
import { parseAllDocuments } from "yaml";

describe("The component discovery-consul of k8s", function () {
  this.timeout(60_000);
  let resources: Resource[];
  before(function () {
    const kustomize =
      findProgram("kustomize") ?? skip(this, "kustomize is not installed (with Go: deploy/setup.sh kustomize)");
    const components = ["discovery-consul", "redis-single", "network-policies"].map((name) => `components/${name}`);
    resources = buildOf(kustomize, { resources: ["base"], components });
  });

  it("fits the base beside the network policies", async () => {
    assert.deepEqual((await Promise.all(resources.map(faultsBySchema))).flat(), []);
    assert.deepEqual(missingReferences(resources), []);
  });

  it("lets each service call Consul where its setting says, and Consul ask each service whether it is ready", () => {
    const workloads = resources.filter(isWorkload);
    const services = workloads.filter(({ metadata }) => SERVICES.some((name) => name === metadata.name));
    const called = services.map((workload) => {
      const { hostname = "", port = "" } =
        URL.parse(literals(serviceContainer(workload))["CCSP_CONSUL_URL"] ?? "") ?? {};
      assert.match(hostname, /\.consul\.svc$/);
      return `${workload.metadata.name}:${port}`;
    });
    const { accepted, opened } = edgesWith("consul", resources, workloads);
    assert.deepEqual([...opened].toSorted(), called.toSorted());
    assert.deepEqual([...accepted].toSorted(), SERVICES.map((name) => `${name}:ops`).toSorted());
  });
});

interface Route {
  readonly kind: string;
  readonly spec: {
    readonly rules?: readonly {
      readonly matches?: readonly { readonly path: { readonly type: string; readonly value: string } }[];
      readonly backendRefs?: readonly { readonly port: number }[];
    }[];
  };
}

describe("The component gateway-api of k8s", () => {
  it("leads each RPC of the gateway to its gRPC port, and matches in ways that every gateway knows", () => {
    const routes: Route[] = parseAllDocuments(readPage("k8s/components/gateway-api/routes.yaml")).map((each) =>
      each.toJS(),
    );
    const rules = routes.flatMap(({ kind, spec }) => (kind === "HTTPRoute" ? (spec.rules ?? []) : []));
    const paths = rules.flatMap(({ matches = [], backendRefs = [] }) =>
      matches.map(({ path }) => ({ ...path, ports: backendRefs.map(({ port }) => port) })),
    );
    assert.deepEqual([...new Set(paths.map(({ type }) => type))], ["PathPrefix"]);
    const { grpc } = DEFAULT_PORTS.gateway;
    const prefixes = paths.flatMap(({ value, ports }) => (ports.includes(grpc) ? `${value}/` : []));
    const rpcs = [...allRpcs().keys()].filter((path) => serviceOf(path) === "gateway");
    const standard = ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"].map((name) => `/${name}/any`);
    assert.ok(rpcs.length > 10);
    assert.deepEqual(
      [...rpcs, ...standard].filter((path) => !prefixes.some((prefix) => path.startsWith(prefix))),
      [],
    );
  });
});

describe("The component keda of k8s", () => {
  it("asks for an executor for each slot that tasks use or wait for, and for no waiting task during a stop", async function () {
    const promtool =
      findProgram("promtool") ?? skip(this, "promtool is not installed (Debian: apt-get install prometheus)");
    const [, expr = ""] = /query: >-\n([\s\S]*?)\n +#/.exec(readPage("k8s/components/keda/executors.yaml")) ?? [];
    const replicas = ["queue-1", "queue-2"];
    const series = (name: string, labels: string, values: string) =>
      replicas.map((instance) => ({ series: `${name}{instance="${instance}"${labels}}`, values }));
    const folder = mkdtempSync(join(tmpdir(), "ccsp-keda-"));
    const asks = (expected: readonly (readonly number[])[]) =>
      expected.map((values, minute) => ({
        expr: expr.replaceAll(/\s+/g, " ").trim(),
        eval_time: `${minute}m`,
        exp_samples: values.map((value) => ({ labels: "{}", value })),
      }));
    const noTask = [
      ...series("ccsp_queue_emergency_level", "", "0x9"),
      ...series("ccsp_queue_gates_closed", ',scope="all"', "0x9"),
    ];
    const test = {
      evaluation_interval: "1m",
      tests: [
        { interval: "1m", input_series: noTask, promql_expr_test: asks([[0]]) },
        // Without queues, nothing: KEDA then leaves the executors as they are.
        { interval: "1m", input_series: [], promql_expr_test: asks([[]]) },
        {
          interval: "1m",
          input_series: [
            ...series("ccsp_queue_waiting", ',engine="e",class="low"', "5x9"),
            ...series("ccsp_queue_waiting", ',engine="e",class="high"', "2x9"),
            ...series("ccsp_queue_running", ',engine="e",class="low"', "3x9"),
            ...series("ccsp_queue_emergency_level", "", "0 0 0 2x9"),
            ...series("ccsp_queue_gates_closed", ',scope="all"', "0 1 0x9"),
          ],
          promql_expr_test: asks([[10], [3], [10], [3]]),
        },
      ],
    };
    try {
      const file = join(folder, "test.yaml");
      writeFileSync(file, JSON.stringify(test));
      execFileSync(promtool, ["test", "rules", file], { stdio: "pipe" });
    } finally {
      rmSync(folder, { recursive: true });
    }
  }).timeout(60_000);
});

describe("The images that manifests and compose.yaml name", () => {
  it("have a digest if they are images of others, or are listed as pinned by tag only", () => {
    const page = readPage("docs/deployment.md");
    const byTag = new Set([...page.matchAll(/^- `([^`]+:[^`]+)`/gm)].map(([, image]) => image));
    const files = [...filesLike("k8s/**/*.yaml"), "deploy/compose.yaml", "deploy/docker/Dockerfile"];
    const named = files.flatMap((file) =>
      [...readPage(file).matchAll(/^ *(?:- )?(?:image: |ARG \w+_IMAGE=)(\S+)$/gm)].map(([, image = ""]) => image),
    );
    const ofOthers = new Set(named.filter((image) => !/(^|\})ccsp-\w+(:|$)/.test(image)));
    assert.ok(ofOthers.size >= 8, [...ofOthers].join(" "));
    const loose = [...ofOthers].filter((image) => !/:[^@/]+@sha256:[0-9a-f]{64}$/.test(image));
    assert.deepEqual(new Set(loose), byTag);
  });

  it("have the tag that `make images` gives those of this release", () => {
    const { version }: { version: string } = JSON.parse(readPage("package.json"));
    const tags = [...filesLike("k8s/**/kustomization.yaml"), "deploy/compose.yaml", "deploy/compose/try.env"].flatMap(
      (file) =>
        [...readPage(file).matchAll(/(?:newTag: |VERSION:-|_VERSION=)([^}\s]+)/g)].map(([, tag = ""]) => ({
          file,
          tag,
        })),
    );
    assert.ok(tags.length > 20);
    assert.deepEqual(
      tags.filter(({ tag }) => tag.replace(/-engines$/, "") !== version),
      [],
    );
    // Without a tag, Kubernetes asks for `latest`, which nobody builds.
    const untagged = filesLike("k8s/**/kustomization.yaml").flatMap((file) =>
      /^(?:k8s\/overlays|k8s\/doctor)\//.test(file) && !readPage(file).includes("newTag:") ? [file] : [],
    );
    assert.deepEqual(untagged, []);
  });
});
