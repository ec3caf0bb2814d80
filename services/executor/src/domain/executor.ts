import { within } from "@ccsp/timing";
import type { Logger } from "pino";
import { Attempt, type AttemptDeps } from "./attempt.js";
import { timerOf } from "./clock.js";
import { EmergencyStop } from "./emergency.js";
import { EngineSlots, type EngineStatus } from "./engine-slots.js";
import { createHeldLeases, type HeldLeases } from "./held-leases.js";
import type { InstalledEngine } from "./installed-engine.js";
import { type KeptEnds, tellLeft } from "./kept-ends.js";
import type { LiveWindows } from "./live-windows.js";
import { LoginChecks } from "./login-checks.js";
import { createProbe, type Probe, type ProbeReport } from "./probe.js";
import type { Lease, LeaseId, SlotChange, SyncAnswer, SyncRequest, ToldPolicy } from "./queue.js";
import { SyncLoop, type SyncState } from "./sync-loop.js";
import type { WarmProcesses } from "./warm.js";

export interface ExecutorOptions extends AttemptDeps {
  readonly executorId: string;
  readonly bootId: string;
  readonly engines: readonly InstalledEngine[];
  readonly kept: KeptEnds;
  readonly warm: WarmProcesses;
  readonly windows: LiveWindows;
  /** What is reported of the policy to the queue. Absent: nothing. */
  readonly tells?: (() => ToldPolicy | undefined) | undefined;
  /**
   * Called after each answered Sync with the time that this host's clock is ahead of the queue's clock. The value may
   * be too high, by at most the answer's travel time.
   */
  readonly onClockAhead: (ms: number) => void;
  /** How long an engine may take to end after the request to end. */
  readonly graceMs: number;
  /** How long `close` lets runs continue. */
  readonly drainMs: number;
  /** How long `close` then waits for engines to end and for the queue to answer. */
  readonly giveBackMs: number;
  /** The slots are adapted to what waits, so Syncs ask for it. */
  readonly adaptsSlots: boolean;
}

export interface RunningExecutor {
  /**
   * Takes no more work and lets runs end. Then stops the remaining runs and gives their leases back. No engine process
   * is left when it resolves. Takes at most `drainMs`, `giveBackMs` and a second, unless a killed process does not die.
   * Lets runs end for 30 s only if the queue does not answer meanwhile: it gets their results no earlier than by the next
   * boot.
   */
  close(): Promise<void>;
}

export interface ExecutorStatus {
  readonly executorId: string;
  readonly bootId: string;
  readonly draining: boolean;
  readonly engines: readonly EngineStatus[];
  readonly attempts: readonly Attempt[];
}

/** If the queue answers no Sync for this long, `close` no longer lets runs continue. */
const QUEUE_GONE_MS = 30_000;

/**
 * How long the first Sync waits until the queue has the ends that an earlier boot left. The first Sync lists no lease, so
 * the queue would let the tasks begin again.
 */
const LEFT_ENDS_MS = 5 * 60_000;

/** Time limit of the last Sync. If the queue does not answer it, the remaining leases expire. */
const GOODBYE_MS = 1_000;

/** Takes leases from the queue and runs them. */
export class Executor {
  readonly #options: ExecutorOptions;
  readonly #log: Logger;
  readonly #held: HeldLeases;
  readonly #slots: EngineSlots;
  readonly #sync: SyncLoop;
  readonly #probe: Probe;
  readonly #emergency: EmergencyStop;
  readonly #logins: LoginChecks;
  readonly #closing = new AbortController();
  /** Set by an operator's call. */
  #drained = false;
  #address = "";
  #backlog: SyncAnswer["backlog"] = [];

  constructor(options: ExecutorOptions) {
    const { queue, clock, executorId, bootId, engines, warm } = options;
    this.#options = options;
    this.#log = options.log.child({ executor: executorId, boot: bootId });
    this.#held = createHeldLeases({
      clock,
      graceMs: options.graceMs,
      // At a stop, the next boot gives the lease back at no cost. Otherwise another executor may have it by now.
      expired: () => (this.#stopping ? "release" : "lost"),
    });
    this.#slots = new EngineSlots(engines, { running: (engine) => this.#running(engine), warm });
    this.#sync = new SyncLoop({
      queue,
      clock,
      log: this.#log,
      holds: (id) => this.#held.find(id) !== undefined,
      state: () => this.#state(),
      policy: options.tells,
      apply: (answer, sent, sentAt) => this.#apply(answer, sent, sentAt),
    });
    this.#probe = createProbe(options);
    this.#emergency = new EmergencyStop({
      attempts: this.#held.attempts,
      others: () => this.#probe.running() + warm.processes(),
      onEmpty: () => this.#sync.renew(),
      log: this.#log,
    });
    options.windows.onClosed = () => this.#sync.renew();
    this.#logins = new LoginChecks({ probe: (engine, signal) => this.probe(engine, signal) });
  }

  status(): ExecutorStatus {
    const { executorId, bootId } = this.#options;
    const [engines, attempts] = [this.#slots.status(), this.#held.attempts()];
    return { executorId, bootId, draining: this.#isDraining(), engines, attempts };
  }

  /** The newest attempt at a task that this executor holds. Undefined: it holds none. */
  find(taskId: string): Attempt | undefined {
    return this.#held.attempts().findLast((attempt) => attempt.lease.taskId === taskId);
  }

  /** If the new number is lower than the number of runs, all runs continue. Throws ENGINE_UNKNOWN. */
  setSlots(engine: string, slots: number): void {
    this.#slots.set(engine, slots);
    this.#log.info({ engine, slots }, "slots changed");
    this.#sync.renew();
  }

  /** The engines whose slots the executor may change by itself. */
  adaptable(): ReturnType<EngineSlots["adaptable"]> {
    return this.#isDraining() ? [] : this.#slots.adaptable();
  }

  /** What waits at the queue for an engine, as the last answered Sync said. */
  backlog(engine: string): { readonly waiting: number; readonly oldestAgeMs: number } {
    return this.#backlog.find((each) => each.engine === engine) ?? { waiting: 0, oldestAgeMs: 0 };
  }

  /** The executor changes its slots by itself. Runs continue, also those above the new number. */
  adaptSlots(engine: string, change: SlotChange): void {
    this.#slots.adapt(engine, change);
    this.#sync.renew();
  }

  /** Stops or resumes taking work. Runs continue. */
  setDraining(draining: boolean): void {
    this.#log.info({ draining }, "draining changed");
    this.#drained = draining;
    void this.#allowWarm();
    this.#sync.renew();
  }

  /** See `Probe.run`. Rejects with SUBMIT_STOPPED while an emergency stop lets nothing start. */
  async probe(engine: string, signal: AbortSignal): Promise<ProbeReport> {
    try {
      return await this.#probe.run(engine, AbortSignal.any([signal, this.#emergency.stopped]));
    } finally {
      this.#emergency.check();
    }
  }

  /** Throws an error with the reason if the queue has not answered lately. */
  checkSync(): void {
    this.#sync.check();
  }

  /** Resolves when the queue has taken the first call, so that it lists this executor. */
  get known(): Promise<void> {
    return this.#sync.known;
  }

  /** Begins to take work. `address`: host and port at which other services reach it. To be called once. */
  start(address: string): RunningExecutor {
    this.#address = address;
    const looped = this.#loop();
    return { close: () => this.#close(looped) };
  }

  async #loop(): Promise<void> {
    const { kept, clock } = this.#options;
    const told = tellLeft({ kept, clock, log: this.#log }, this.#closing.signal);
    if (kept.left.length > 0) await this.#within(LEFT_ENDS_MS, told);
    await this.#sync.run();
    await told;
  }

  get #stopping(): boolean {
    return this.#closing.signal.aborted;
  }

  #running(engine: string): number {
    return this.#held.attempts().filter((attempt) => attempt.running && attempt.lease.engine === engine).length;
  }

  #isDraining(): boolean {
    return this.#stopping || this.#drained;
  }

  #state(): SyncState {
    const { executorId, bootId, adaptsSlots, windows } = this.#options;
    const draining = this.#isDraining();
    const engines = this.#slots.offers(!draining);
    const [leases, emergency] = [this.#held.ids(), this.#emergency.receipt()];
    const slotChanges = this.#slots.changes();
    return {
      executorId,
      bootId,
      leases,
      engines,
      draining,
      address: this.#address,
      emergency,
      slotChanges,
      adaptsSlots,
      windows: windows
        .untold()
        .map((said) => ({ ...said, account: this.#slots.find(said.engine)?.engine.account ?? "" })),
    };
  }

  /** While no run may start, no process waits for one. */
  async #allowWarm(): Promise<void> {
    await this.#options.warm.allow(!this.#isDraining() && !this.#emergency.stopped.aborted);
    this.#emergency.check();
  }

  #apply(answer: SyncAnswer, sent: SyncRequest, sentAt: number): void {
    const { clock, onClockAhead, windows } = this.#options;
    windows.told(sent.windows);
    if (answer.timeMs !== undefined) onClockAhead(clock.date() - answer.timeMs);
    this.#backlog = answer.backlog;
    const lost = new Set(answer.lostTaskIds);
    for (const id of sent.leases) {
      if (lost.has(id.taskId)) this.#lose(id);
      else this.#held.renew(id, sentAt, answer.leaseMs);
    }
    for (const id of answer.cancellations) this.#held.find(id)?.stop("cancel");
    const reasons = new Map(answer.runHolds.map(({ taskId, fence, reason }) => [`${taskId}/${fence}`, reason]));
    for (const id of sent.leases) this.#held.find(id)?.hold(reasons.get(`${id.taskId}/${id.fence}`));
    if (this.#emergency.follow(answer.emergency)) void this.#allowWarm();
    for (const lease of answer.leases) this.#take(lease, sentAt, answer.leaseMs);
  }

  #lose(id: LeaseId): void {
    const attempt = this.#held.find(id);
    if (attempt === undefined) return;
    this.#log.warn({ task: id.taskId, fence: String(id.fence) }, "lease lost");
    attempt.stop("lost");
  }

  #take(lease: Lease, sentAt: number, leaseMs: number): void {
    if (this.#held.find(lease)) return;
    const installed = this.#slots.find(lease.engine);
    if (installed === undefined) {
      // The next Sync does not list this lease. That gives it back.
      const about = { task: lease.taskId, engine: lease.engine };
      this.#log.error(about, "lease for an engine that this executor does not have");
      return;
    }
    const older = this.#held.attempts().filter((attempt) => attempt.lease.taskId === lease.taskId);
    for (const attempt of older) attempt.stop("lost");
    const previous = Promise.all(older.map((attempt) => attempt.over));
    const { engine, version } = installed;
    const attempt = new Attempt({ lease, engine, version, logins: this.#logins, previous }, this.#options);
    if (this.#isDraining()) attempt.stop("release");
    this.#options.metrics.started(lease.engine);
    this.#held.add(attempt, sentAt, leaseMs);
    this.#emergency.take(attempt);
    void this.#attend(attempt);
  }

  async #attend(attempt: Attempt): Promise<void> {
    const { engine } = attempt.lease;
    await attempt.engineGone;
    this.#sync.slotIsFree(engine);
    const end = await attempt.over;
    this.#held.remove(attempt.lease);
    this.#options.metrics.ended(engine, end);
  }

  async #close(looped: Promise<void>): Promise<void> {
    const { drainMs, giveBackMs } = this.#options;
    this.#closing.abort();
    this.#sync.renew();
    const noneWaits = this.#allowWarm();
    this.#log.info({ runs: this.#held.attempts().length }, "draining");
    const queueIsGone = await this.#letEnd(drainMs);
    // A run that has ended keeps its end, which may be a failure.
    for (const attempt of this.#held.attempts()) if (attempt.running) attempt.stop("release");
    await this.#within(giveBackMs, queueIsGone ? this.#noneRuns() : this.#allOver());
    for (const attempt of this.#held.attempts()) attempt.abandon();
    await this.#allOver();
    await noneWaits;
    this.#sync.finish();
    await looped;
    await this.#sayGoodbye();
  }

  /** Lets runs end. Resolves to true early if the queue is gone. */
  async #letEnd(drainMs: number): Promise<boolean> {
    const over = new AbortController();
    const gone = this.#sync.unanswered(QUEUE_GONE_MS, over.signal);
    let isGone = false;
    const waits = [this.#allOver(), gone.then((is) => void (isGone = is))];
    await this.#within(drainMs, Promise.race(waits));
    over.abort();
    const runs = this.#held.attempts().length;
    if (isGone)
      this.#log.warn({ runs }, "the queue does not answer; runs are stopped, and the next boot tells their ends");
    return isGone;
  }

  async #noneRuns(): Promise<void> {
    await Promise.all(this.#held.attempts().map((attempt) => attempt.engineGone));
  }

  async #allOver(): Promise<void> {
    const held = this.#held;
    while (held.attempts().length > 0) await Promise.all(held.attempts().map((attempt) => attempt.over));
  }

  #within(ms: number, work: Promise<void>, over?: AbortController): Promise<void> {
    return within(ms, work, () => undefined, { timer: timerOf(this.#options.clock), over });
  }

  /**
   * The last Sync, with an empty list of leases. The queue may have granted a lease in the answer to a call that the
   * executor gave up. The empty list gives that lease back now. Otherwise the lease would last until it expires.
   */
  async #sayGoodbye(): Promise<void> {
    const over = new AbortController();
    const said = this.#sync.sayGoodbye(over.signal).catch(() => {
      this.#log.info("queue does not answer; the leases that it still counts here will expire");
    });
    await this.#within(GOODBYE_MS, said, over);
  }
}
