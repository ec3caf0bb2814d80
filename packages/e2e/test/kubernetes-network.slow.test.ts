import assert from "node:assert/strict";
import { findProgram } from "@ccsp/k8s-checks/build.js";
import { skip } from "@ccsp/testkit";
import { buildWith, COMPONENTS, refusedIn } from "../src/network-needs.js";

describe("Every combination of the components of k8s", () => {
  it("lets each pod that a network policy selects reach all that it needs, the doctor too", function () {
    const kustomize =
      findProgram("kustomize") ?? skip(this, "kustomize is not installed (with Go: deploy/setup.sh kustomize)");
    const { discovery, redis, onNetwork, inPlace } = COMPONENTS;
    const optional = [...onNetwork.map((name) => [name]), [...inPlace]];
    const subsets = optional.reduce<string[][]>(
      (all, each) => [...all, ...all.map((some) => [...some, ...each])],
      [[]],
    );
    const faults = discovery.flatMap((found) =>
      [...redis.map((name) => [name]), []].flatMap((stored) =>
        subsets.flatMap((some) => {
          const components = [found, ...stored, ...some];
          const refused = refusedIn(buildWith(kustomize, components));
          return refused.length === 0 ? [] : [`${components.join(" ")}: ${refused[0]} and ${refused.length - 1} more`];
        }),
      ),
    );
    assert.deepEqual(faults, []);
  }).timeout(600_000);
});
