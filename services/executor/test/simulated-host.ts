import { load } from "@ccsp/config";
import { pino } from "pino";
import type { SlotChange } from "../src/domain/queue.js";
import { createSlotAdaptation } from "../src/slots/adapt-slots.js";
import { defineSlots, type SlotsConfig } from "../src/slots/config.js";

/** A host that runs one engine. Shares are of all its processors, or of all its memory. */
export interface SimulatedHost {
  readonly cpuOfRun: number;
  readonly memoryOfRun?: number;
  /** The share of its time in which a run uses the CPU. Then it uses the more of it, so that `cpuOfRun` is the average. */
  readonly busy?: number;
  /** How long a run takes while the host is not overloaded. */
  readonly runMs: number;
  /** Work of other processes at this time, as a share of the CPU. */
  readonly others?: (ms: number) => number;
  /** How late the provider's first text comes at this time, while so many runs run. 1 is usual. */
  readonly late?: (ms: number, running: number) => number;
}

export interface SimulatedWork {
  /** Tasks that arrive in each second. */
  readonly arrivals: readonly number[];
  /** The slots that the operator has set. */
  readonly slots: number;
  readonly adaptation: "on" | "off";
}

export interface SimulatedResult {
  readonly done: number;
  readonly changes: readonly SlotChange[];
  /** The slots in each second. */
  readonly slots: readonly number[];
  /** Seconds in which the CPU had more work than it can do. */
  readonly overloaded: number;
}

const SECOND = 1_000;
const LOOK_MS = 5_000;
const BUSY_EVERY_MS = 40_000;
const FIRST_TEXT_MS = 2_000;

/** The settings as an operator gets them who gives only the range. */
function servedConfig(): SlotsConfig {
  const { config } = load({ CCSP_EXECUTOR_SLOT_RANGE: "1-16" }, (settings) => ({
    slots: defineSlots(settings),
  }));
  if (config.slots === undefined) throw new Error("no range");
  return config.slots;
}

/**
 * Plays the work second by second, with the adaptation that the executor serves, which looks every 5 s. A run that has
 * begun is never ended. An overloaded CPU does all that it can, and each run gets its share of it.
 */
export async function play(host: SimulatedHost, work: SimulatedWork): Promise<SimulatedResult> {
  const waiting: number[] = [];
  let runs: { leftMs: number; readonly startedMs: number; readonly phase: number; spoke: boolean }[] = [];
  const changes: SlotChange[] = [];
  const perSecond: number[] = [];
  let [now, slots, done, overloaded] = [0, work.slots, 0, 0];
  let [busyMs, lookedMs, random] = [0, 0, 1];
  const { runMs, cpuOfRun, busy = 1 } = host;
  const cpuOf = ({ phase }: { readonly phase: number }): number =>
    (now / BUSY_EVERY_MS + phase) % 1 < busy ? cpuOfRun / busy : 0;

  const adaptation = createSlotAdaptation({
    config: servedConfig(),
    executor: {
      adaptable: () => [{ engine: "e", slots, running: runs.length }],
      backlog: () => ({ waiting: waiting.length, oldestAgeMs: now - (waiting[0] ?? now) }),
      adaptSlots(_, change) {
        changes.push(change);
        slots = change.after;
      },
    },
    host: {
      async measure() {
        const cpuShare = now > lookedMs ? busyMs / (now - lookedMs) : undefined;
        [busyMs, lookedMs] = [0, now];
        return { cpuShare, memoryShare: 0.2 + runs.length * (host.memoryOfRun ?? 0) };
      },
    },
    serviceBytes: () => 100 * 1024 ** 2,
    clock: { now: () => now, date: () => now, wait: async () => undefined },
    log: pino({ level: "silent" }),
  });

  for (const arrived of work.arrivals) {
    for (let i = 0; i < arrived; i++) waiting.push(now);
    while (runs.length < slots && waiting.length > 0) {
      waiting.shift();
      random = (random * 48_271) % 2_147_483_647;
      runs.push({ leftMs: runMs, startedMs: now, phase: random / 2_147_483_647, spoke: false });
    }
    if (work.adaptation === "on" && now % LOOK_MS === 0) await adaptation.look();
    const wanted = runs.reduce((sum, run) => sum + cpuOf(run), host.others?.(now) ?? 0);
    const speed = Math.min(1, 1 / wanted);
    const late = host.late?.(now, runs.length) ?? 1;
    now += SECOND;
    busyMs += Math.min(1, wanted) * SECOND;
    if (wanted > 1) overloaded += 1;
    for (const run of runs) {
      run.leftMs -= SECOND * speed;
      if (run.spoke || runMs - run.leftMs < FIRST_TEXT_MS * late) continue;
      run.spoke = true;
      adaptation.firstText("e", now - run.startedMs);
    }
    const before = runs.length;
    runs = runs.filter(({ leftMs }) => leftMs > 0);
    done += before - runs.length;
    perSecond.push(slots);
  }
  return { done, changes, slots: perSecond, overloaded };
}
