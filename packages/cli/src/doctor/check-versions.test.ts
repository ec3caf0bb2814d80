import assert from "node:assert/strict";
import { judgeNeighbour, judgeNode } from "./check-versions.js";

describe("the doctor's look at versions", () => {
  it("accepts Node from 22.15 on", () => {
    const states = ["20.20.2", "22.14.9", "22.15.0", "24.0.1"].map((version) => judgeNode(version).state);
    assert.deepEqual(states, ["fail", "fail", "ok", "ok"]);
  });

  it("accepts a gateway of the same and of a neighbouring release, and no other", () => {
    const states = ["0.3.0", "0.3.4", "0.2.9", "0.4.0", "0.1.0", "1.3.0", "dev"].map(
      (version) => judgeNeighbour("gateway", version, "0.3.0").state,
    );
    assert.deepEqual(states, ["ok", "ok", "ok", "ok", "fail", "fail", "fail"]);
  });
});
