import assert from "node:assert/strict";
import { exportFaults } from "./export-faults.js";

describe("faults of the trace export", () => {
  it("are written once a minute, with the number of those left out", () => {
    const lines: { fault: string; leftOut: number }[] = [];
    let now = 1_000_000;
    const faults = exportFaults(
      (line) => lines.push(JSON.parse(line)),
      () => now,
    );
    for (const message of ["first", "second", "third"]) faults.error(message);
    now += 60_000;
    faults.error("fourth");
    assert.deepEqual(
      lines.map(({ fault, leftOut }) => [fault, leftOut]),
      [
        ["first", 0],
        ["fourth", 2],
      ],
    );
  });
});
