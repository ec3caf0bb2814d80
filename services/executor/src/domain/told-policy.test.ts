import assert from "node:assert/strict";
import { eventually } from "@ccsp/testkit";
import type { HostFiles } from "./admission.js";
import type { Policy } from "./policy.js";
import { createToldPolicy } from "./told-policy.js";

const POLICY: Policy = {
  permissionModes: ["default"],
  deniedTools: ["Bash"],
  wallMs: 1_000,
  maxWallMs: 2_000,
  outputBytes: 3_000,
  projectSettings: false,
  maxTurns: undefined,
  maxBudgetUsd: 4,
  includeBytes: 0,
  roots: ["/data"],
};

describe("the policy that the queue is told", () => {
  const telling = (resolve: HostFiles["resolve"], policy: Partial<Policy> = {}, rootsMayChange = false) =>
    createToldPolicy({
      policy: { ...POLICY, ...policy },
      files: { resolve, read: () => assert.fail("no file is read") },
      noWorkingFolders: undefined,
      rootsMayChange,
    });
  const folder = async (real: string) => ({ real, kind: "folder" as const });

  it("is looked at before the first call, and names a root by both of its paths", async () => {
    let looks = 0;
    const tells = telling(() => folder(`/mnt/${++looks}`));
    assert.equal(looks, 1);
    await eventually(() => assert.deepEqual(tells()?.roots, ["/data", "/mnt/1"]));
    await eventually(() => assert.notDeepEqual(tells()?.roots, ["/data", "/mnt/1"], "it is looked at again"));
    const { most, deniedTools } = tells() ?? {};
    const expected = { maxWallMs: 2_000, outputBytes: 3_000, maxTurns: undefined, maxBudgetUsd: 4 };
    assert.deepEqual([most, deniedTools], [expected, ["Bash"]]);
  });

  it("delays no call while a root is on a disk that does not answer, and is told when it does", async () => {
    const disk = Promise.withResolvers<{ real: string; kind: "folder" }>();
    let looks = 0;
    const tells = telling(() => {
      looks += 1;
      return disk.promise;
    });
    assert.deepEqual([tells(), tells(), looks], [undefined, undefined, 1]);
    disk.resolve({ real: "/data", kind: "folder" });
    await eventually(() => assert.deepEqual(tells()?.roots, ["/data"]));
  });

  it("names no root where a file may allow more at any time, and looks at none", async () => {
    const tells = telling(() => assert.fail("a root is looked at"), {}, true);
    await eventually(() => assert.deepEqual([tells()?.roots, tells()?.rootsMayChange], [[], true]));
  });

  it("is nothing when a root cannot be looked at, or when it is too long to tell", async () => {
    let fault: Error | undefined;
    const tells = telling(async () => (fault ? Promise.reject(fault) : folder("/data")));
    await eventually(() => assert.ok(tells()));
    fault = new Error("EIO");
    await eventually(() => assert.equal(tells(), undefined));
    const long = telling(() => folder("/data"), { deniedTools: ["x".repeat(16 * 1024)] });
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
    assert.equal(long(), undefined);
  });
});
