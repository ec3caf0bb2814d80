import assert from "node:assert/strict";
import { judgeDisk } from "./check-disks.js";

const MIB = 1024 ** 2;
const disk = (size: number, free: number) => ({
  bsize: 4096,
  blocks: size / 4096,
  bavail: free / 4096,
  ffree: 9,
  files: 10,
});

describe("the doctor's look at disks", () => {
  const stateOf = (size: number, free: number) => judgeDisk("/folder", disk(size * MIB, free * MIB)).state;

  it("fails a disk that is full, and warns before that", () => {
    assert.equal(stateOf(10_000, 100), "fail");
    assert.equal(stateOf(10_000, 500), "warn");
    assert.equal(stateOf(64, 1), "fail");
    assert.equal(judgeDisk("/folder", { ...disk(MIB, MIB), ffree: 1, files: 1000 }).state, "fail");
  });

  it("finds nothing wrong with a small disk that is empty, and with a large one that has gigabytes left", () => {
    assert.equal(stateOf(64, 64), "ok");
    assert.equal(stateOf(1_000_000, 50_000), "ok");
  });
});
