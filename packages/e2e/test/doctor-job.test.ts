import assert from "node:assert/strict";
import { VARIABLES } from "@ccsp/cli";
import { parseDuration } from "@ccsp/config";
import { readPage } from "@ccsp/docs-generator/blocks.js";
import { usedSettings } from "@ccsp/docs-generator/configuration.js";
import { DEFAULT_PORTS, SERVICES } from "@ccsp/fleet";
import { buildOverlay, findProgram, OVERLAYS } from "@ccsp/k8s-checks/build.js";
import { isWorkload, serviceContainer } from "@ccsp/k8s-checks/workloads.js";
import { skip } from "@ccsp/testkit";
import type { IEnvVar } from "kubernetes-models/v1";
import { parse } from "yaml";

/** The parts of the Job that this test reads. */
interface Job {
  readonly spec: {
    readonly activeDeadlineSeconds: number;
    readonly template: {
      readonly spec: {
        readonly containers: readonly { readonly args: readonly string[]; readonly env: readonly IEnvVar[] }[];
      };
    };
  };
}

describe("ccsp doctor as a Job", () => {
  const job: Job = parse(readPage("k8s/doctor/job.yaml"));
  const [doctor] = job.spec.template.spec.containers;

  it("asks the ops port of each service", () => {
    const ports = (doctor?.args ?? []).flatMap((arg) => /^([a-z]+)-headless[^:]*:(\d+)$/.exec(arg)?.slice(1) ?? []);
    const expected = SERVICES.flatMap((name) => [name, String(DEFAULT_PORTS[name].ops)]);
    assert.deepEqual(ports.toSorted(), expected.toSorted());
  });

  it("looks again for a while, and ends before its deadline with what still fails", () => {
    const { args = [] } = doctor ?? {};
    const waitMs = parseDuration(args[args.indexOf("--wait") + 1] ?? "") ?? 0;
    const oneLookMs = 20_000;
    assert.ok(waitMs >= 30_000);
    assert.ok(waitMs + oneLookMs < job.spec.activeDeadlineSeconds * 1000);
  });

  it("has only settings that the queue or the command reads", async () => {
    const settings = (await usedSettings()).map(({ setting }) => setting.name);
    const known = new Set([...settings, ...VARIABLES.map(({ name }) => name)]);
    const unknown = (doctor?.env ?? []).map(({ name }) => name).filter((name) => !known.has(name));
    assert.deepEqual(unknown, []);
  });

  it("connects to Redis as the queue of each overlay does", function () {
    const kustomize =
      findProgram("kustomize") ?? skip(this, "kustomize is not installed (with Go: deploy/setup.sh kustomize)");
    const redis = (env: readonly IEnvVar[] = []) =>
      env
        .filter(({ name }) => name.startsWith("CCSP_REDIS_"))
        .map(({ name, value, valueFrom: { secretKeyRef: of } = {} }) => `${name}=${value ?? `${of?.name}/${of?.key}`}`);
    const known = redis(doctor?.env);
    for (const overlay of OVERLAYS) {
      const queue = buildOverlay(kustomize, overlay)
        .filter(isWorkload)
        .find(({ metadata }) => metadata.name === "queue");
      assert.ok(queue);
      const own = redis(serviceContainer(queue).env);
      assert.deepEqual(
        own.filter((each) => !known.includes(each)),
        [],
        overlay,
      );
    }
    // With one Redis, its Secret has no login of Sentinels.
    const sentinel = doctor?.env.find(({ name }) => name === "CCSP_REDIS_SENTINEL_LOGIN");
    assert.equal(sentinel?.valueFrom?.secretKeyRef?.optional, true);
  }).timeout(60_000);
});
