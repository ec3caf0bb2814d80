import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { filesLike, ROOT, readPage } from "@ccsp/docs-generator/blocks.js";
import { buildFolder, buildOverlay, findProgram, OVERLAYS, type Resource } from "@ccsp/k8s-checks/build.js";
import { policiesOf, refusals, takes } from "@ccsp/k8s-checks/policies.js";
import { skip } from "@ccsp/testkit";
import { buildWith, COMPONENTS, neededConnections, podsOf, refusedIn } from "../src/network-needs.js";

describe("The network policies of k8s", function () {
  this.timeout(120_000);
  let kustomize: string;
  before(function () {
    kustomize =
      findProgram("kustomize") ?? skip(this, "kustomize is not installed (with Go: deploy/setup.sh kustomize)");
  });

  // A policy that selects a pod isolates it: one that allows, without the others, cuts the pod off from all else. With
  // this rule a build has every policy or none. The slow test builds every combination.
  it("are in the component network-policies and nowhere else", () => {
    const files = filesLike("k8s/**/*.yaml").filter((file) => /^kind: NetworkPolicy$/m.test(readPage(file)));
    assert.deepEqual(
      files.filter((file) => !file.startsWith("k8s/components/network-policies/")),
      [],
    );
    assert.ok(files.length > 1);
  });

  for (const overlay of OVERLAYS)
    it(`let each pod of the overlay ${overlay} reach all that it needs, also once the doctor was applied`, () => {
      const resources = [...buildOverlay(kustomize, overlay), ...buildFolder(kustomize, "k8s/doctor")];
      assert.ok(neededConnections(resources).length > 40);
      assert.deepEqual(refusedIn(resources), []);
    });

  it("let each pod reach all that it needs with every component, and none of them is for no pod", () => {
    const { discovery, redis, onNetwork, inPlace } = COMPONENTS;
    const listed = [...discovery, ...redis, ...onNetwork, ...inPlace].toSorted();
    // A component of components comes with those.
    const texts = filesLike("k8s/components/*/kustomization.yaml").map(readPage);
    const own = readdirSync(join(ROOT, "k8s/components")).filter(
      (name) => !texts.some((text) => text.includes(`- ../${name}\n`)),
    );
    assert.deepEqual(listed, own.toSorted());
    const builds = [0, 1].map((choice) =>
      buildWith(kustomize, [discovery[choice] ?? "", redis[choice] ?? "", ...onNetwork, ...inPlace]),
    );
    assert.deepEqual(builds.flatMap(refusedIn), []);
    const pods = builds.flatMap(podsOf);
    const unused = builds.flatMap(policiesOf).filter((policy) => !pods.some((pod) => takes(policy, pod)));
    assert.deepEqual(new Set(unused.map(({ metadata }) => metadata.name)), new Set());
  });

  it("are evaluated as Kubernetes does: a policy isolates the pods that it selects, in its directions", () => {
    const pod = (name: string, namespace = "a") => ({ name, namespace, labels: { app: name }, ports: { web: 80 } });
    const policy = (name: string, spec: object): Resource & { spec: object } => ({
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name, namespace: "a" },
      spec,
    });
    const of = (app: string) => ({ podSelector: { matchLabels: { app } } });
    const passes = (policies: Resource[], from: string, to: string, port = 80, protocol: "TCP" | "UDP" = "TCP") =>
      refusals(policiesOf(policies), { from: pod(from), to: pod(to), port, protocol }).length === 0;
    assert.ok(passes([], "x", "y"));
    const toY = policy("to-y", {
      ...of("x"),
      policyTypes: ["Egress"],
      egress: [{ to: [of("y")], ports: [{ port: "web" }] }],
    });
    assert.deepEqual(
      [
        passes([toY], "x", "y"),
        passes([toY], "x", "z"),
        passes([toY], "x", "y", 81),
        passes([toY], "x", "y", 80, "UDP"),
      ],
      [true, false, false, false],
    );
    // Ingress of x is not isolated, nor is any other pod.
    assert.ok(passes([toY], "z", "x") && passes([toY], "z", "y"));
    const deny = policy("deny", { podSelector: {}, policyTypes: ["Ingress", "Egress"] });
    assert.equal(passes([deny, toY], "x", "y"), false, "y lets nobody in");
    assert.ok(passes([deny, toY, policy("from-x", { ...of("y"), ingress: [{ from: [of("x")] }] })], "x", "y"));
    const elsewhere = { from: pod("x", "b"), to: pod("y"), port: 80 };
    const inside = policy("inside", { ...of("y"), ingress: [{ from: [{ podSelector: {} }] }] });
    assert.equal(
      refusals(policiesOf([inside]), elsewhere).length,
      1,
      "a selector of pods alone means the own namespace",
    );
    const outside = policy("outside", { ...of("x"), egress: [{ to: [{ ipBlock: { cidr: "0.0.0.0/0" } }] }] });
    assert.deepEqual(
      [{ name: "internet" }, pod("y")].map(
        (to) => refusals(policiesOf([outside]), { from: pod("x"), to, port: 443 }).length,
      ),
      [0, 1],
    );
  });
});
