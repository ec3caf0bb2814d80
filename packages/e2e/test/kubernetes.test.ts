import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadDefinitions } from "@ccsp/cli";
import { describeSettings, type Env, load, parseDuration } from "@ccsp/config";
import { ROOT } from "@ccsp/docs-generator/blocks.js";
import { DEFAULT_PORTS, SERVICES, type ServiceName, USE_REDIS } from "@ccsp/fleet";
import { buildOverlay, findProgram, nameOf, OVERLAYS, type Resource } from "@ccsp/k8s-checks/build.js";
import { edgesOf, openToEverybody } from "@ccsp/k8s-checks/network.js";
import { missingReferences } from "@ccsp/k8s-checks/references.js";
import { faultsBySchema } from "@ccsp/k8s-checks/schema.js";
import { secretsByScript, secretsOf, secretsOfCertificate } from "@ccsp/k8s-checks/secrets.js";
import { isWorkload, literals, quantity, serviceContainer, type Workload } from "@ccsp/k8s-checks/workloads.js";
import { createLogger, createMetrics, serveOps } from "@ccsp/telemetry";
import { skip } from "@ccsp/testkit";
import { callsBetweenServices, isService } from "../src/network-needs.js";

/** What a service still does after its calls: it closes the rest, and sends its last spans. */
const CLOSE_MS = 9_000;
const read = (path: string) => readFileSync(join(ROOT, path), "utf8");

/** The paths of the probes. */
const ALIVE = "/health";
const READY = "/ready";

describe("The probes of k8s", () => {
  it("ask for paths that the ops port of a service serves", async () => {
    const log = createLogger({ name: "queue", level: "fatal", instance: "queue-0" });
    const listen = { host: "127.0.0.1", port: 0 };
    const ops = await serveOps({ listen, registry: createMetrics("queue"), log, checks: {} });
    ops.setReady();
    const statuses = await Promise.all(
      [ALIVE, READY, "/other"].map(async (path) => (await fetch(`http://127.0.0.1:${ops.port}${path}`)).status),
    );
    await ops.close();
    assert.deepEqual(statuses, [200, 200, 404]);
  });
});

for (const overlay of OVERLAYS) {
  describe(`The overlay ${overlay} of k8s`, function () {
    this.timeout(60_000);
    let resources: Resource[];
    let workloads: Workload[];
    /** The workloads of CCSP's own services. */
    let services: (Workload & { readonly metadata: { readonly name: ServiceName } })[];

    before(function () {
      const kustomize =
        findProgram("kustomize") ?? skip(this, "kustomize is not installed (with Go: deploy/setup.sh kustomize)");
      resources = buildOverlay(kustomize, overlay);
      workloads = resources.filter(isWorkload);
      services = workloads.filter((each): each is (typeof services)[number] => isService(each.metadata.name));
    });

    const faultsOfServices = (faultsOf: (workload: (typeof services)[number]) => string[]) =>
      services.flatMap((each) => faultsOf(each).map((fault) => `${each.metadata.name}: ${fault}`));

    it("has the five services, and every resource fits its schema, without unknown fields", async () => {
      assert.deepEqual(services.map(({ metadata }) => metadata.name).toSorted(), SERVICES.toSorted());
      assert.deepEqual((await Promise.all(resources.map(faultsBySchema))).flat(), []);
    });

    it("refers only to pods, ports, volumes, accounts and targets that it has", () => {
      assert.deepEqual(missingReferences(resources), []);
    });

    it("gives each container a request and a limit, and the executor the memory of all its runs", () => {
      const faults = workloads.flatMap(({ metadata, spec }) =>
        spec.template.spec.containers.flatMap(({ name, resources: { requests, limits } = {} }) =>
          (["cpu", "memory"] as const)
            .filter((unit) => {
              const [request, limit] = [requests?.[unit], limits?.[unit]];
              return request === undefined || limit === undefined || quantity(request) > quantity(limit);
            })
            .map((unit) => `${metadata.name}/${name}: ${unit}`),
        ),
      );
      assert.deepEqual(faults, []);
      if (overlay === "single-node") {
        const [cpu, memory] = (["cpu", "memory"] as const).map((unit) =>
          sum(
            workloads.flatMap(({ spec }) =>
              spec.template.spec.containers.map(
                ({ resources: { requests } = {} }) => (spec.replicas ?? 1) * quantity(requests?.[unit] ?? 0),
              ),
            ),
          ),
        );
        // It fits a host of two cores and 8 GiB beside Kubernetes itself (k8s/README.md).
        assert.deepEqual({ cpu: (cpu ?? 0) <= 1.5, memory: (memory ?? 0) <= 4 * 2 ** 30 }, { cpu: true, memory: true });
      }
      const executor = serviceContainer(service("executor"));
      const { CCSP_EXECUTOR_SLOTS: slots, CCSP_EXECUTOR_MEMORY_LIMIT: ofRun } = literals(executor);
      const itself = 2 ** 30;
      assert.equal(quantity(executor.resources?.limits?.["memory"] ?? 0), Number(slots) * Number(ofRun) + itself);
    });

    it("asks each service for its health on the port and the paths that the service serves", () => {
      const faults = faultsOfServices((workload) => {
        const { ports = [], livenessProbe, readinessProbe, startupProbe, env = [] } = serviceContainer(workload);
        const { name } = workload.metadata;
        const listens = new Map(env.map((each) => [each.name, each.value]));
        const port = (of: string) => ports.find((each) => each.name === of)?.containerPort;
        const { grpc, ops, http } = DEFAULT_PORTS[name];
        const prefix = `CCSP_${name.toUpperCase()}`;
        return [
          ...[livenessProbe, readinessProbe, startupProbe].flatMap((probe) =>
            probe?.httpGet?.port === "ops" ? [] : ["a probe is missing or does not ask the ops port"],
          ),
          ...(livenessProbe?.httpGet?.path === ALIVE ? [] : ["it is alive by another path than /health"]),
          ...(readinessProbe?.httpGet?.path === READY ? [] : ["it is ready by another path than /ready"]),
          ...(
            [
              ["grpc", grpc, `${prefix}_LISTEN`],
              ["ops", ops, `${prefix}_OPS_LISTEN`],
              ["http", http, `${prefix}_HTTP_LISTEN`],
            ] as const
          ).flatMap(([of, number, setting]) =>
            port(of) === number && listens.get(setting) === (number && `0.0.0.0:${number}`) ? [] : [`port ${of}`],
          ),
        ];
      });
      assert.deepEqual(faults, []);
    });

    it("gives each service the time that it needs to stop, and no more than 10 s above it", () => {
      const faults = faultsOfServices((workload) => {
        const { terminationGracePeriodSeconds = 30 } = workload.spec.template.spec;
        const container = serviceContainer(workload);
        const { CCSP_DRAIN_TIMEOUT: drain = "", CCSP_LAME_DUCK: lameDuck = "" } = literals(container);
        const before = (container.lifecycle?.preStop?.sleep?.seconds ?? 0) * 1000;
        const needed =
          before + (parseDuration(drain) ?? Number.NaN) + (parseDuration(lameDuck) ?? Number.NaN) + CLOSE_MS;
        const spare = terminationGracePeriodSeconds * 1000 - needed;
        return spare >= 0 && spare <= 10_000 ? [] : [`${spare} ms are left of the grace period`];
      });
      assert.deepEqual(faults, []);
    });

    it("replaces no replica before another one is ready", () => {
      const deployments = services.filter(({ kind }) => kind === "Deployment");
      assert.deepEqual(
        deployments.map(({ spec }) => spec.strategy?.rollingUpdate?.maxUnavailable),
        deployments.map(() => 0),
      );
    });

    it("sets only settings that the service has, to values that it accepts, with files from volumes", async () => {
      const definitions = await loadDefinitions({ CCSP_EXECUTOR_ENGINES: "claude-code,command" });
      const volumes = mkdtempSync(join(tmpdir(), "ccsp-volumes-"));
      for (const file of ["ca.crt", "tls.crt", "tls.key", "jwt.secret", "claude.env"])
        writeFileSync(join(volumes, file), "");
      const faults = faultsOfServices((workload) => {
        const { define } = definitions[workload.metadata.name];
        const container = serviceContainer(workload);
        const mounts = (container.volumeMounts ?? []).map(({ mountPath }) => mountPath);
        const files = Object.values(literals(container)).filter((value) => value.startsWith("/etc/ccsp/"));
        const values: Env = Object.fromEntries(
          (container.env ?? []).map(({ name, value = exampleOf(name) }) => [
            name,
            value.replace(/^\/etc\/ccsp\/[^/]+/, volumes),
          ]),
        );
        const known = describeSettings(define, values);
        const unknown = Object.keys(values).filter(
          (name) => name.startsWith("CCSP_") && !known.some((each) => each.name === name),
        );
        const secrets = known.filter(({ name, secret }) => secret && name in literals(container));
        return [
          ...unknown.map((name) => `it has no setting ${name}`),
          ...secrets.map(({ name }) => `${name} is written in the manifest`),
          ...files.filter((file) => !mounts.some((mount) => `${file}/`.startsWith(`${mount}/`))),
          ...faultsOf(() => load(values, define)),
        ];
      });
      rmSync(volumes, { recursive: true });
      assert.deepEqual(faults, []);
    });

    it("has no Secret, and refers only to those that k8s/secrets.sh or cert-manager makes", function () {
      assert.deepEqual(resources.filter(({ kind }) => kind === "Secret").map(nameOf), []);
      const made = new Set(resources.flatMap(secretsOfCertificate));
      for (const name of secretsByScript({ sentinel: overlay === "production", certificates: made.size === 0 }))
        made.add(name);
      const missing = workloads.flatMap((workload) =>
        secretsOf(workload)
          .map((name) => `${workload.metadata.namespace}/${name}`)
          .filter((name) => !made.has(name)),
      );
      assert.deepEqual(missing, []);
    });

    it("gives the engine's login and no secret of another service to executors alone", () => {
      const users = workloads.filter((workload) => secretsOf(workload).includes("ccsp-engine-login"));
      assert.deepEqual(users.map(nameOf), overlay === "dev" ? [] : ["StatefulSet ccsp-executors/executor"]);
      const others = faultsOfServices((workload) =>
        secretsOf(workload).filter((name) =>
          SERVICES.some((service) => service !== workload.metadata.name && name.startsWith(`ccsp-${service}-`)),
        ),
      );
      assert.deepEqual(others, []);
    });

    it("runs everything with the rights of the level restricted, but for the sandbox of runs", () => {
      const faults = workloads.flatMap(({ metadata, spec }) => {
        const pod = spec.template.spec;
        const sandbox = overlay !== "dev" && metadata.name === "executor";
        const rights = pod.containers.map(({ securityContext }) => ({
          escalation: securityContext?.allowPrivilegeEscalation,
          readOnly: securityContext?.readOnlyRootFilesystem,
          drop: securityContext?.capabilities?.drop?.join(),
          add: securityContext?.capabilities?.add,
          proc: securityContext?.procMount,
        }));
        const wanted = { escalation: false, readOnly: true, drop: "ALL", add: undefined };
        try {
          assert.deepEqual(
            rights,
            rights.map(() => ({ ...wanted, proc: sandbox ? "Unmasked" : undefined })),
          );
          assert.equal(pod.automountServiceAccountToken, false);
          assert.equal(pod.securityContext?.runAsNonRoot, true);
          assert.equal(pod.securityContext?.seccompProfile?.type, sandbox ? "Localhost" : "RuntimeDefault");
          // Only with a user namespace of its own may a pod see the whole /proc.
          assert.equal(pod.hostUsers, sandbox ? false : undefined);
          return [];
        } catch (error) {
          return [`${metadata.name}: ${String(error)}`];
        }
      });
      assert.deepEqual(faults, []);
    });

    it("allows the connections between services that their RPCs allow, on both sides, and no other", function () {
      if (overlay === "dev") skip(this, "the overlay dev has no network policies");
      const { accepted, opened } = edgesOf(resources, workloads);
      assert.deepEqual([...accepted].toSorted(), wantedEdges(workloads).toSorted());
      assert.deepEqual([...opened].toSorted(), [...accepted].toSorted());
      const denied = resources.filter(({ kind, metadata }) => kind === "NetworkPolicy" && metadata.name === "deny-all");
      assert.deepEqual(denied.map(({ metadata }) => metadata.namespace ?? "").toSorted(), ["ccsp", "ccsp-executors"]);
    });

    it("lets callers from everywhere reach what the gateway serves to them, and nothing else", function () {
      if (overlay === "dev") skip(this, "the overlay dev has no network policies");
      const { grpc, http } = DEFAULT_PORTS.gateway;
      assert.deepEqual(
        openToEverybody(resources, workloads),
        [grpc, http].map((port) => `gateway:${port}`),
      );
    });

    it("gives Redis all its memory at once, a third more than its data may have, and the queue bounds that fit it", () => {
      const redis = workloads.find(({ metadata }) => metadata.name === "redis");
      const container = redis?.spec.template.spec.containers.find(({ name }) => name === "redis");
      const { requests, limits } = container?.resources ?? {};
      assert.equal(requests?.["memory"], limits?.["memory"]);
      const conf = JSON.stringify(
        resources.find(({ kind, metadata }) => kind === "ConfigMap" && metadata.name.startsWith("redis-")),
      );
      const [, number, unit = ""] = /maxmemory (\d+)([mg])b/.exec(conf) ?? [];
      const maxmemory = Number(number) * (unit === "m" ? 2 ** 20 : 2 ** 30);
      assert.ok(quantity(limits?.["memory"] ?? 0) * 3 >= maxmemory * 4);
      const { CCSP_QUEUE_MAX_WAITING_BYTES: waiting = 2 ** 30, CCSP_QUEUE_MAX_ENDED_BYTES: ended = 2 ** 30 } = literals(
        serviceContainer(service("queue")),
      );
      const [transcripts, cache] = [2 ** 28, 2 ** 26];
      // Above 90 %, the queue refuses new tasks (docs/queue-operations.md).
      assert.ok(Number(waiting) + Number(ended) + transcripts + 2 * cache <= 0.9 * maxmemory);
    });

    it("keeps in Redis what deploy/redis.conf keeps", () => {
      const configMap = resources.find(
        ({ kind, metadata }) => kind === "ConfigMap" && metadata.name.startsWith("redis-"),
      );
      assert.ok(configMap && "data" in configMap);
      const lines = JSON.stringify(configMap.data).split("\\n");
      const wanted = read("deploy/redis.conf")
        .split("\n")
        .filter((line) => line !== "" && !line.startsWith("#"));
      assert.deepEqual(
        wanted.filter((line) => !lines.some((each) => each.endsWith(JSON.stringify(line).slice(1, -1)))),
        [],
      );
    });

    const service = (name: ServiceName): Workload => {
      const found = services.find(({ metadata }) => metadata.name === name);
      assert.ok(found);
      return found;
    };
  });
}

/** The connections that the protos and the settings of the services ask for. */
function wantedEdges(workloads: readonly Workload[]): string[] {
  const calls = callsBetweenServices().map(
    ({ caller, called }) => `${caller} > ${called}:${DEFAULT_PORTS[called].grpc}`,
  );
  const traced = SERVICES.map((name) => `${name} > otel-collector:4317`);
  const redis = workloads
    .filter(({ metadata }) => metadata.name === "redis")
    .flatMap(() => [...USE_REDIS, "redis"].flatMap((name) => [`${name} > redis:6379`, `${name} > redis:26379`]));
  return [...new Set([...calls, ...traced, "otel-collector > jaeger:4317", "gateway > jaeger:16686", ...redis])];
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0);

/** A value of the form of a setting whose value is a secret. */
const exampleOf = (name: string): string =>
  ({ CCSP_REDIS_URL: "rediss://user:password@redis:6379", CCSP_REDIS_SENTINEL_LOGIN: ":password" })[name] ?? "10.0.0.1";

/** The fault that an action throws, as a list. */
function faultsOf(act: () => unknown): string[] {
  try {
    act();
    return [];
  } catch (error) {
    return [String(error)];
  }
}
