import assert from "node:assert/strict";
import { judgeFiles, judgeMemory, limitOf } from "./check-limits.js";

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

  it("warns of a small host, and not of a container that has what one service needs", () => {
    const [gib, mib] = [1024 ** 3, 1024 ** 2];
    assert.equal(judgeMemory(0, gib / 2).state, "warn");
    assert.equal(judgeMemory(256 * mib, 8 * gib).state, "ok");
    assert.equal(judgeMemory(128 * mib, 8 * gib).state, "warn");
  });
});
