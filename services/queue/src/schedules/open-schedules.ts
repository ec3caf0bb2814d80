import type { RedisClient } from "@ccsp/redis-kit";
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import type { Submissions } from "../application/submissions.js";
import type { Room } from "../domain/intake/memory.js";
import type { Wakes } from "../domain/wakes/wakes.js";
import type { Replicas } from "../redis/replicas.js";
import { createMakeTask } from "./make-task.js";
import { observeSchedules } from "./metrics.js";
import { runDue } from "./run-due.js";
import { startScheduling } from "./schedule-loop.js";
import { createScheduleStore, replicatedSchedules } from "./schedule-store.js";
import { createSchedules } from "./schedules.js";

export interface ScheduleDeps {
  readonly redis: RedisClient;
  /** The replicas that must have a schedule before the call is answered. Absent: no call waits for replicas. */
  readonly replicas?: Replicas | undefined;
  /** Whether Redis has memory for more schedules. Absent: it always has. */
  readonly room?: Room;
  readonly wakes: Wakes;
  readonly enqueue: Submissions["enqueue"];
  readonly registry: Registry;
  readonly log: Logger;
  /** Absent: Redis' clock. Tests set it. */
  readonly clock?: () => number;
}

/**
 * Opens recurring tasks: what agents may do with them, and the loop that makes their tasks until it is closed. The loop
 * runs in every replica.
 */
export function openSchedules({ redis, replicas, room, wakes, enqueue, registry, log, clock }: ScheduleDeps) {
  const local = createScheduleStore(redis, clock);
  const store = replicas ? replicatedSchedules(local, replicas) : local;
  const deps = { store, makeTask: createMakeTask(enqueue), observer: observeSchedules(registry) };
  const loop = startScheduling(() => runDue(deps), { wakes, log });
  return { schedules: createSchedules(store, room), close: async () => loop.close() };
}
