import type { Client } from "@ccsp/grpc-kit";
import type { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { RedisClient } from "@ccsp/redis-kit";
import type { Logger } from "pino";
import type { Duty } from "../state/leader.js";
import { openState } from "../state/state-store.js";
import { createAdaptation, type Mode } from "./adaptation.js";
import type { PressureSource } from "./domain/pressure.js";
import { adaptationHandlers } from "./handlers.js";
import { queueLevers, slotChangesIn } from "./queue-levers.js";
import { readAdapted } from "./stored.js";

export interface AdaptationOptions {
  readonly redis: RedisClient;
  readonly queue: Client<QueueServiceService>;
  readonly sources: readonly PressureSource[];
  readonly mode: Mode;
  readonly log: Logger;
}

/** Opens the adaptation. Its duty decides; the call that shows its decisions is answered by every replica. */
export function openAdaptation({ redis, queue, sources, mode, log }: AdaptationOptions): {
  readonly handlers: ReturnType<typeof adaptationHandlers>;
  readonly duties: readonly Duty[];
} {
  const adaptation = createAdaptation({
    state: openState({ redis, log, part: "adaptation", parse: readAdapted }),
    sources,
    levers: queueLevers(queue),
    slotChanges: async () => slotChangesIn(await queue.getStatus({})),
    mode,
  });
  const duty = { name: "adaptation", everyMs: EVERY_MS, turn: () => adaptation.turn(new Date()) };
  return { handlers: adaptationHandlers(adaptation), duties: [duty] };
}

const EVERY_MS = 15_000;
