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
/** The looks of a minute. Runs use the CPU now and then, so a shorter average swings by itself. */
const LOOKS = 12;
/** The looks of five minutes, from which the part of one run is known: it changes less than the number of runs. */
const REMEMBERED_LOOKS = 60;

/** Adapts the slots of engines to the host's load and the work that waits. It never ends a run. */
export function createSlotAdaptation({ config, executor, host, serviceBytes, clock, log }: AdaptSlotsDeps) {
  const { rules, dryRun } = config;
  const states = new Map<string, SlotState>();
  const firstTexts = new Map<string, ReturnType<typeof createFirstTexts>>();
  const looks = new Map<string, Look[]>();

  const look = async (): Promise<void> => {
    const load = await host.measure();
    for (const { engine, slots, running } of executor.adaptable()) {
      const nowMs = clock.now();
      const looksNow = [...(looks.get(engine) ?? []), { cpuShare: load.cpuShare, running }].slice(-REMEMBERED_LOOKS);
      looks.set(engine, looksNow);
      const known = states.get(engine);
      // When it runs dry, its own number is not the number of the engine.
      const state = known && (dryRun || known.slots === slots) ? known : { slots, given: slots, changedMs: nowMs };
      const seen = {
        running: !dryRun ? running : running < slots ? Math.min(running, state.slots) : state.slots,
        ...executor.backlog(engine),
        ...cpuIn(looksNow),
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
      times.add(ms, clock.now() - ms);
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

interface Look {
  /** The share of the CPU since the look before. */
  readonly cpuShare: number | undefined;
  readonly running: number;
}

/** The average share of the CPU in the last minute, and what of it a run takes. */
function cpuIn(looks: readonly Look[]): {
  readonly cpuShare: number | undefined;
  readonly cpuOfRun: number | undefined;
} {
  const known = looks.flatMap(({ cpuShare, running }, i) => {
    const before = looks[i - 1];
    // A run that began or ended between two looks was there for a part of the time.
    return before && cpuShare !== undefined ? [{ cpuShare, running: Math.min(before.running, running) }] : [];
  });
  const newest = known.slice(-LOOKS);
  const runs = sumOf(known.map(({ running }) => running));
  return {
    cpuShare: newest.length > 0 ? cpuOf(newest) / newest.length : undefined,
    cpuOfRun: runs > 0 ? cpuOf(known) / runs : undefined,
  };
}

const sumOf = (values: readonly number[]): number => values.reduce((sum, each) => sum + each, 0);
const cpuOf = (looks: readonly { readonly cpuShare: number }[]): number => sumOf(looks.map(({ cpuShare }) => cpuShare));
