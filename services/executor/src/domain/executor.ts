import type { Engine } from "@ccsp/engine-kit";
import { backoffMs, within } from "@ccsp/timing";
import type { Logger } from "pino";
import { type Attempt, type AttemptDeps, startAttempt } from "./attempt.js";
import { timerOf } from "./clock.js";
import { createEmergencyStop, isNews } from "./emergency.js";
import { engineUnknown } from "./engine-unknown.js";
import { createHeldLeases } from "./held-leases.js";
import { createLoginChecks } from "./login-checks.js";
import { QUEUE_AWAY } from "./persist.js";
import { createProbe, type ProbeReport } from "./probe.js";
import type { EngineOffer, Lease, LeaseId, SyncAnswer, SyncRequest } from "./queue.js";
import type { WarmProcesses } from "./warm.js";

/** An engine with what this executor knows of it. */
export interface InstalledEngine {
  readonly engine: Engine;
  /** Runs at once, until `setSlots` says otherwise. */
  readonly slots: number;
  readonly version: string;
  /** Oldest version that is known to be reliable; undefined: any. */
  readonly minimumVersion: string | undefined;
  /** `built-in`, or the package or path that it was loaded from. */
  readonly origin: string;
}

export interface ExecutorOptions extends AttemptDeps {
  readonly executorId: string;
  readonly bootId: string;
  readonly engines: readonly InstalledEngine[];
  readonly warm: WarmProcesses;
  /** How far this host's clock is ahead of the queue's, by each answered Sync: by its way back at most too much. */
  readonly onClockAhead: (ms: number) => void;
  /** What an engine may take to end when it is asked to. */
  readonly graceMs: number;
  /** How long `close` lets runs go on. */
  readonly drainMs: number;
  /** How long `close` then waits for the ends of engines and for answers of the queue. */
  readonly giveBackMs: number;
}

/** Takes leases from the queue and runs them. */
export interface Executor {
  status(): ExecutorStatus;
  /** The newest attempt at a task that is held here; undefined: none is. */
  find(taskId: string): Attempt | undefined;
  /** Runs above a lower number go on. Throws ENGINE_UNKNOWN. */
  setSlots(engine: string, slots: number): void;
  /** Takes no more work, or takes it again; runs go on. */
  setDraining(draining: boolean): void;
  /** See `Probe.run`. Rejects with SUBMIT_STOPPED while an emergency stop lets nothing start. */
  probe(engine: string, signal: AbortSignal): Promise<ProbeReport>;
  /** Throws with the reason when the queue did not answer lately. */
  checkSync(): void;
  /** Begins to take work; once. */
  start(): RunningExecutor;
}

export interface RunningExecutor {
  /**
   * Takes no more work, lets runs end, then stops them and gives their leases back. No engine process is left after it. Takes at most
   * `drainMs`, `giveBackMs` and a second, unless a killed process does not die.
   */
  close(): Promise<void>;
}

export type EngineStatus = InstalledEngine & {
  readonly running: number;
  /** Processes that wait for a run of it. */
  readonly warm: number;
};

export interface ExecutorStatus {
  readonly executorId: string;
  readonly bootId: string;
  readonly draining: boolean;
  readonly engines: readonly EngineStatus[];
  readonly attempts: readonly Attempt[];
}

/** An idle Sync waits at the queue for at most this long. */
const MAX_WAIT_MS = 10_000;
/** Between two Syncs, when the second would be answered like the first. */
const PAUSE_MS = 1_000;
/** Between two Syncs in any case, when the queue answered early and had no work. */
const SHORT_PAUSE_MS = 50;
/** For the last Sync: what it gives back ends by time too. */
const GOODBYE_MS = 1_000;
/** Older than this, the last answered Sync counts as none. */
const SYNC_TOO_OLD_MS = 30_000;

export function createExecutor(options: ExecutorOptions): Executor {
  const { queue, clock, metrics, executorId, bootId, warm } = options;
  const log: Logger = options.log.child({ executor: executorId, boot: bootId });
  const held = createHeldLeases(clock, options.graceMs);
  let sequence = 0;
  const slots = new Map(options.engines.map((installed) => [installed.engine.name, installed.slots]));
  let stopping = false;
  let drained = false;
  let finished = false;
  let lastSyncAt: number | undefined;
  let nextSyncMs = 0;
  let failures = 0;
  // Ends the idle call or pause under way, because what it told the queue is no longer so.
  let idle = new AbortController();
  /** What the newest call offered. */
  let offered: readonly EngineOffer[] = [];

  const probe = createProbe(options);
  const emergency = createEmergencyStop({
    attempts: held.attempts,
    others: () => probe.running() + warm.processes(),
    onEmpty: () => idle.abort(),
    log,
  });
  const probeEngine = async (engine: string, signal: AbortSignal): Promise<ProbeReport> => {
    try {
      return await probe.run(engine, AbortSignal.any([signal, emergency.stopped]));
    } finally {
      emergency.look();
    }
  };
  const logins = createLoginChecks({ probe: probeEngine });

  const running = (engine: string) =>
    held.attempts().filter((attempt) => attempt.running && attempt.lease.engine === engine).length;

  const isFinished = () => finished;
  const isDraining = () => stopping || drained;

  const engines = (): EngineStatus[] =>
    options.engines.map((installed) => {
      const { name } = installed.engine;
      const many = slots.get(name) ?? installed.slots;
      return { ...installed, slots: many, running: running(name), warm: warm.waiting(name) };
    });

  const offers = (): EngineOffer[] =>
    engines().map(({ engine, version, ...has }) => ({
      engine: engine.name,
      account: engine.account ?? "",
      freeSlots: isDraining() ? 0 : Math.max(0, has.slots - has.running),
      slots: has.slots,
      version,
    }));

  /** While nothing is to be started nothing waits to be. */
  const allowWarm = async (): Promise<void> => {
    await warm.allow(!isDraining() && !emergency.stopped.aborted);
    emergency.look();
  };

  /** The next call, with all that holds now. */
  const next = (leases: readonly LeaseId[], maxWaitMs: number): SyncRequest => ({
    executorId,
    bootId,
    sequence: ++sequence,
    leases,
    engines: offers(),
    draining: isDraining(),
    maxWaitMs,
    emergency: emergency.receipt(),
  });

  async function sync(): Promise<void> {
    const sentAt = clock.now();
    idle = new AbortController();
    const { signal } = idle;
    // After a failure the first call does not wait, so that it is soon known whether the queue is back.
    const maxWaitMs = lastSyncAt === undefined || failures > 0 ? 0 : Math.min(MAX_WAIT_MS, nextSyncMs);
    const request = next(held.ids(), maxWaitMs);
    offered = request.engines;
    let answer: SyncAnswer | "stale";
    try {
      answer = await queue.sync(request, signal);
    } catch (err) {
      if (signal.aborted) return;
      failures++;
      if (failures === 1) {
        // Services start in any order. Later, runs go on while the queue is away; each ends with its own lease.
        if (lastSyncAt === undefined)
          log.info({ why: err instanceof Error ? err.message : String(err) }, "waits for the queue");
        else log.warn({ err }, "queue does not answer");
      }
      return await clock.wait(backoffMs(failures, QUEUE_AWAY), signal);
    }
    if (answer === "stale") return await clock.wait(backoffMs(1, QUEUE_AWAY), signal);
    if (failures > 0) log.info("queue answers again");
    failures = 0;
    lastSyncAt = clock.now();
    nextSyncMs = answer.nextSyncMs;
    if (answer.timeMs !== undefined) options.onClockAhead(clock.date() - answer.timeMs);
    apply(answer, request.leases, sentAt);
    const now = emergency.receipt();
    if (answer.leases.length > 0 || isNews(now, request.emergency) || clock.now() - sentAt >= maxWaitMs) return;
    // The queue answered early and had no work: it says again what is to be ended until that is done, and does not wait
    // for an executor that is full.
    const full = offered.every(({ freeSlots }) => freeSlots === 0);
    const ending = (now?.remaining ?? 0) > 0 || answer.cancellations.some((id) => held.find(id));
    await clock.wait(Math.min(full || ending ? PAUSE_MS : SHORT_PAUSE_MS, nextSyncMs), signal);
  }

  function apply(answer: SyncAnswer, sent: readonly LeaseId[], sentAt: number): void {
    const lost = new Set(answer.lostTaskIds);
    for (const id of sent) {
      if (!lost.has(id.taskId)) held.renew(id, sentAt, answer.leaseMs);
      else if (held.find(id)) {
        log.warn({ task: id.taskId, fence: String(id.fence) }, "lease lost");
        held.find(id)?.stop("lost");
      }
    }
    for (const id of answer.cancellations) held.find(id)?.stop("cancel");
    if (emergency.follow(answer.emergency)) void allowWarm();
    for (const lease of answer.leases) take(lease, sentAt, answer.leaseMs);
  }

  function take(lease: Lease, sentAt: number, leaseMs: number): void {
    if (held.find(lease)) return;
    const installed = options.engines.find(({ engine }) => engine.name === lease.engine);
    if (installed === undefined) {
      // Not being in the next list gives it back.
      log.error({ task: lease.taskId, engine: lease.engine }, "lease for an engine that this executor does not have");
      return;
    }
    const older = held.attempts().filter((attempt) => attempt.lease.taskId === lease.taskId);
    for (const attempt of older) attempt.stop("lost");
    const previous = Promise.all(older.map((attempt) => attempt.over));
    const engine = logins.checked(installed.engine);
    const attempt = startAttempt({ lease, engine, version: installed.version, previous }, options);
    if (isDraining()) attempt.stop("release");
    metrics.started(lease.engine);
    held.add(attempt, sentAt, leaseMs);
    emergency.take(attempt);
    void attend(attempt);
  }

  async function attend(attempt: Attempt): Promise<void> {
    await attempt.engineGone;
    // A call that offers a free slot is answered as soon as there is work for it; only one that offers none has to go again.
    const { engine } = attempt.lease;
    if (!offered.some(({ freeSlots, ...offer }) => offer.engine === engine && freeSlots > 0)) idle.abort();
    const end = await attempt.over;
    held.remove(attempt.lease);
    metrics.ended(engine, end);
  }

  async function loop(): Promise<void> {
    do await sync();
    while (!isFinished());
  }

  async function allOver(): Promise<void> {
    while (held.attempts().length > 0) await Promise.all(held.attempts().map((attempt) => attempt.over));
  }

  const upTo = async (ms: number, work: Promise<void>, over?: AbortController) =>
    within(ms, work, () => undefined, { timer: timerOf(clock), over });

  async function close(looped: Promise<void>): Promise<void> {
    stopping = true;
    idle.abort();
    const noneWaits = allowWarm();
    log.info({ runs: held.attempts().length }, "draining");
    await upTo(options.drainMs, allOver());
    for (const attempt of held.attempts()) attempt.stop("release");
    await upTo(options.giveBackMs, allOver());
    for (const attempt of held.attempts()) attempt.abandon();
    await allOver();
    await noneWaits;
    finished = true;
    idle.abort();
    await looped;
    await sayGoodbye();
  }

  /** A lease may have been on its way to a call that was given up: an empty list gives it back now, not at its expiry. */
  async function sayGoodbye(): Promise<void> {
    const over = new AbortController();
    const call = async () => {
      try {
        await queue.sync(next([], 0), over.signal);
      } catch {
        log.info("queue does not answer; what it still counts as leased here ends by time");
      }
    };
    await upTo(GOODBYE_MS, call(), over);
  }

  return {
    status: () => ({
      executorId,
      bootId,
      draining: isDraining(),
      engines: engines(),
      attempts: held.attempts(),
    }),
    find: (taskId) => held.attempts().findLast((attempt) => attempt.lease.taskId === taskId),
    setSlots(engine, many) {
      if (!slots.has(engine)) throw engineUnknown(engine);
      log.info({ engine, slots: many }, "slots changed");
      slots.set(engine, many);
      idle.abort();
    },
    setDraining(draining) {
      log.info({ draining }, "draining changed");
      drained = draining;
      void allowWarm();
      idle.abort();
    },
    probe: probeEngine,
    checkSync() {
      if (lastSyncAt === undefined) throw new Error("the queue has not answered yet");
      const ageMs = Math.round(clock.now() - lastSyncAt);
      if (ageMs > SYNC_TOO_OLD_MS) throw new Error(`the queue last answered ${ageMs} ms ago`);
    },
    start() {
      const looped = loop();
      return { close: () => close(looped) };
    },
  };
}
