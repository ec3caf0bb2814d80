import assert from "node:assert/strict";
import { judgeFiles, limitOf } from "./check-limits.js";

const LIMITS = `Limit                     Soft Limit           Hard Limit           Units
Max processes             unlimited            unlimited            processes
Max open files            1024                 524288               files
`;

describe("the doctor's look at limits", () => {
  it("reads the limit that is in force", () => {
    assert.equal(limitOf(LIMITS, "Max open files"), 1024);
    assert.equal(limitOf(LIMITS, "Max processes"), Number.POSITIVE_INFINITY);
  });

  it("warns of few open files, and says which setting allows more", () => {
    assert.equal(judgeFiles(65_536).state, "ok");
    const { state, mend } = judgeFiles(1024);
    assert.deepEqual([state, mend], ["warn", "ulimit -n 65536, or LimitNOFILE=65536 in the unit of systemd"]);
  });
});
