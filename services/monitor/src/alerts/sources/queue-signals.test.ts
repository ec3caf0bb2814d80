import assert from "node:assert/strict";
import { GetStatusResponse } from "@ccsp/protos/ccsp/queue/v1/status.js";
import { toDuration } from "@ccsp/protos/duration.js";
import { queueSignals } from "./queue-signals.js";

describe("The signals of the queue", () => {
  it("name a class of a newer queue by its number, and lose no other signal", async () => {
    const status = GetStatusResponse.fromPartial({
      depths: [1, 9].map((priority) => ({ engine: "e", priority, oldestAge: toDuration(3_000) })),
    });
    const source = queueSignals({ queue: { getStatus: async () => status }, lastEnds: async () => new Map() });
    const signals = await source.read(new Date(0));
    assert.deepEqual(
      signals.filter(({ metric }) => metric === "queue_oldest_wait_seconds").map(({ labels }) => labels["class"]),
      ["urgent", "9"],
    );
  });
});
