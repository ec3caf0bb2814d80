import type { Logger } from "pino";
import type { Clock } from "../domain/clock.js";
import type { SlotChange } from "../domain/queue.js";
import type { SlotsConfig } from "./config.js";
import { createFirstTexts } from "./first-texts.js";
import type { HostLoad } from "./host-load.js";
import { type SlotState, stepSlots } from "./slot-controller.js";

/** What it needs of the executor. */
export interface AdaptedExecutor {
  /** The engines whose slots may be adapted: no person has set them. */
  adaptable(): readonly { readonly engine: string; readonly slots: number; readonly running: number }[];
  /** What waits at the queue, as the last Sync said. */
  backlog(engine: string): { readonly waiting: number; readonly oldestAgeMs: number };
  /** Makes the change, unless it runs dry, and reports it with the next Sync. */
  adaptSlots(engine: string, change: SlotChange): void;
}

export interface AdaptSlotsDeps {
  readonly config: SlotsConfig;
  readonly executor: AdaptedExecutor;
  readonly host: { measure(): Promise<HostLoad> };
  readonly serviceBytes: () => number;
  readonly clock: Clock;
  readonly log: Logger;
}

const EVERY_MS = 5_000;
/** The weight of the newest look in the average: about the last half minute counts. */
const NEWEST = 0.2;

/** Adapts the slots of engines to the host's load and the work that waits. It never ends a run. */
export function createSlotAdaptation({ config, executor, host, serviceBytes, clock, log }: AdaptSlotsDeps) {
  const { rules, dryRun } = config;
  const states = new Map<string, SlotState>();
  const firstTexts = new Map<string, ReturnType<typeof createFirstTexts>>();
  let cpuShare: number | undefined;

  const look = async (): Promise<void> => {
    const load = await host.measure();
    if (load.cpuShare !== undefined) {
      cpuShare = cpuShare === undefined ? load.cpuShare : cpuShare + (load.cpuShare - cpuShare) * NEWEST;
    }
    for (const { engine, slots, running } of executor.adaptable()) {
      const nowMs = clock.now();
      const known = states.get(engine);
      // When it runs dry, its own number is not the number of the engine.
      const state = known && (dryRun || known.slots === slots) ? known : { slots, changedMs: nowMs };
      const seen = {
        running: dryRun && running >= slots ? state.slots : running,
        ...executor.backlog(engine),
        cpuShare,
        memoryShare: load.memoryShare,
        serviceBytes: serviceBytes(),
        firstText: firstTexts.get(engine)?.medians(),
      };
      const stepped = stepSlots(state, seen, { nowMs, rules });
      states.set(engine, stepped.state);
      if (!stepped.decision) continue;
      log.info({ engine, ...stepped.decision, dryRun }, "slots adapted");
      executor.adaptSlots(engine, { ...stepped.decision, timeMs: clock.date(), dryRun });
    }
  };

  return {
    look,

    /** A run of this engine had its first text after this time. */
    firstText(engine: string, ms: number): void {
      const times = firstTexts.get(engine) ?? createFirstTexts();
      firstTexts.set(engine, times);
      times.add(ms);
    },

    /** Looks every few seconds until it is closed. */
    start(): { close(): Promise<void> } {
      const stop = new AbortController();
      const looking = (async () => {
        while (!stop.signal.aborted) {
          await look().catch((err: unknown) => log.warn({ err }, "the load of the host could not be measured"));
          await clock.wait(EVERY_MS, stop.signal);
        }
      })();
      return {
        async close() {
          stop.abort();
          await looking;
        },
      };
    },
  };
}
