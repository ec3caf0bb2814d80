import assert from "node:assert/strict";
import { exportFaults } from "./export-faults.js";
import { inService } from "./service-scope.js";

describe("faults of the trace export", () => {
  it("are written once a minute, with the number of those left out and the service", () => {
    const lines: { fault: string; leftOut: number; service: string; instance: string }[] = [];
    let now = 1_000_000;
    const faults = exportFaults(
      (line) => lines.push(JSON.parse(line)),
      () => now,
    );
    inService({ name: "queue", instance: "queue-1" }, () => faults.error("zeroth"));
    now += 60_000;
    for (const message of ["first", "second", "third"]) faults.error(message);
    now += 60_000;
    faults.error("fourth");
    assert.deepEqual(
      lines.map(({ fault, leftOut }) => [fault, leftOut]),
      [
        ["zeroth", 0],
        ["first", 0],
        ["fourth", 2],
      ],
    );
    assert.deepEqual([lines[0]?.service, lines[0]?.instance], ["queue", "queue-1"]);
  });
});
