import assert from "node:assert/strict";
import { InstanceReport } from "@ccsp/protos/ccsp/monitor/v1/fleet.js";
import type { Known } from "./fleet.js";
import { fleetSignals } from "./signals.js";

describe("the signals of the fleet", () => {
  it("say once how much of a disk is free, by the instance that sees the least, and leave out who is silent", async () => {
    const known = (service: string, instance: string, disk: string, diskFreeShare: number, health = "ok"): Known =>
      ({
        report: InstanceReport.fromPartial({ service, instance, resources: { disk, diskFreeShare } }),
        health,
      }) as Known;
    const list = async () => [
      known("executor", "executor-0", "node-1", 0.09),
      known("gateway", "gateway-a", "node-1", 0.09),
      known("queue", "queue-a", "node-1", 0.08),
      known("queue", "queue-b", "node-1", 0.01, "late"),
      known("queue", "queue-c", "node-2", 0.5),
      // Release 0.3.0 does not name the disk of an instance.
      known("monitor", "monitor-a", "", 0.09),
      known("monitor", "monitor-b", "", 0.09),
    ];
    const signals = await fleetSignals({ list }, async () => []).read(new Date());
    const told = signals.filter(({ metric }) => metric === "disk_free_share");
    assert.deepEqual(
      told.map(({ labels, value }) => `${labels["instance"]} ${value}`),
      ["queue-a 0.08", "queue-c 0.5", "monitor-a 0.09", "monitor-b 0.09"],
    );
  });
});
