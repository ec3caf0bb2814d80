import { addressOf } from "@ccsp/e2e-kit/internal-clients.js";
import { serviceChannel } from "@ccsp/e2e-kit/service-channel.js";
import type { World } from "@ccsp/e2e-kit/world.js";
import { CallError, createClient } from "@ccsp/grpc-kit";
import { EngineOffer } from "@ccsp/protos/ccsp/queue/v1/executor.js";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { type HeldLease, SyncResponse } from "@ccsp/protos/ccsp/queue/v1/sync.js";

/**
 * An executor that takes leases and runs nothing: so fuzzed calls can report about leases that are in force, and end
 * them.
 */
export interface Lessee {
  /** Resolves to the bytes of the answer to its next Sync. Undefined: another Sync came in between. */
  sync(): Promise<Uint8Array | undefined>;
  close(): void;
}

const SLOTS = 40;

export function createLessee(world: World): Lessee {
  const client = createClient(QueueServiceService, addressOf(world, "queue"), {
    credentials: serviceChannel(world.certificates, { as: "executor", to: "queue" }),
  });
  let [boot, sequence] = [0, 0n];
  let held: HeldLease[] = [];
  return {
    async sync() {
      // It gives the older half back, so that others are granted.
      held = held.slice(-SLOTS / 2);
      const request = {
        executorId: "fuzz-lessee",
        bootId: `lessee-${boot}`,
        sequence: ++sequence,
        leases: held,
        engines: [EngineOffer.fromPartial({ engine: "claude-code", freeSlots: SLOTS - held.length })],
      };
      try {
        const answer = await client.sync(request, { timeoutMs: 20_000 });
        const gone = new Set([...answer.lostTaskIds, ...answer.cancellations.map(({ taskId }) => taskId)]);
        held = [...held.filter(({ taskId }) => !gone.has(taskId)), ...answer.leases];
        return SyncResponse.encode(answer).finish();
      } catch (error) {
        if (!(error instanceof CallError && error.reason === "SYNC_STALE")) throw error;
        // A fuzzed call took its name, such as with the greatest sequence.
        [boot, held] = [boot + 1, []];
        return undefined;
      }
    },
    close: () => client.close(),
  };
}
