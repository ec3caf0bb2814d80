import type { RunOptions, Supervisor } from "@ccsp/engine-kit";
import type { Logger } from "pino";
import type { Clock } from "../domain/clock.js";
import type { WarmProcesses } from "../domain/warm.js";
import type { LaunchedProcess } from "../supervision/launched-run.js";
import type { Launcher } from "../supervision/supervisor.js";
import type { WarmConfig } from "./config.js";
import { createDemand, type Demand } from "./demand.js";
import { createSetbacks } from "./setbacks.js";
import { judge } from "./verdict.js";
import { createWaitingProcesses, type Kind, type WaitingProcesses, type WarmMetrics } from "./waiting.js";

export interface WarmPoolOptions extends WarmConfig {
  /** Number of starts at the same time that do not slow each other: one for each processor. */
  readonly startsAtOnce: number;
  readonly launcher: Launcher;
  readonly metrics: WarmMetrics;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * A start takes half a second of processor time. With this pause, starts that no run waits for use at most half a core.
 */
const PACE_MS = 1_000;
/** Interval of the checks of ages and memory when no process must be started. */
const CHECK_MS = 5_000;
/**
 * How long a start keeps a processor busy. A cold run: the whole start. A run with a waiting process: the time until
 * its first text.
 */
const BUSY_MS = { cold: 1_500, warm: 250 };

/**
 * A pool of processes that start before there is a run for them. Each serves one run with the key, and of the agent,
 * that it was started for; if the pool is `shared`, of any agent. The pool starts new ones in the background. If no
 * process waits for a run, the run starts as if there were no pool.
 */
export class WarmPool implements WarmProcesses {
  readonly #options: WarmPoolOptions;
  readonly #demand: Demand;
  readonly #kinds = new Map<string, Kind>();
  readonly #setbacks = createSetbacks();
  readonly #waiting: WaitingProcesses;
  #allowed = true;
  /** When each of the latest runs will have started, in ms of the clock. */
  #starting: readonly number[] = [];
  /** The memory of a process of each key, at the last check. */
  readonly #sizes = new Map<string, number>();
  #names = 0;
  #launching: Promise<void> | undefined;
  #keeping = false;
  /** Ends the wait in progress. That wait is a long one while the pool rests. */
  #wake = new AbortController();
  #resting = false;

  constructor(options: WarmPoolOptions) {
    this.#options = options;
    this.#demand = createDemand({ count: options.count, windowMs: options.maxAgeMs });
    this.#waiting = createWaitingProcesses(options.metrics, (kind) => {
      options.log.warn({ engine: kind.engine }, "a process died while it waited for a run");
      this.#setbacks.add(kind.key, options.clock.now());
    });
  }

  /** The supervisor for one engine. */
  of(engine: string): Supervisor {
    const { launcher, log } = this.#options;
    return {
      start: async (run) => {
        const waiting = this.#take(engine, run);
        if (waiting) log.debug({ engine, run: run.run, pid: waiting.pid }, "a process that waited serves a run");
        const process = waiting ?? (await launcher.launch({ ...run, engine }));
        return process.use(run, { waited: waiting !== undefined });
      },
    };
  }

  waiting(engine: string): number {
    return this.#waiting.of(engine);
  }

  processes(): number {
    return this.#waiting.all().length + this.#waiting.ending() + (this.#launching ? 1 : 0);
  }

  async allow(allowed: boolean): Promise<void> {
    this.#allowed = allowed;
    this.#wake.abort();
    if (allowed) {
      void this.#keep();
      return;
    }
    this.#endAll();
    await this.#launching;
    await this.#waiting.ended();
  }

  /** Returns a waiting process for the run, if there is one. Learns from the run which keys are worth a process. */
  #take(engine: string, run: RunOptions): LaunchedProcess | undefined {
    const { command, prepare } = run;
    const { clock, maxAgeMs, count, metrics } = this.#options;
    const now = clock.now();
    const key = this.#keyOf(engine, run);
    const process = key === undefined ? undefined : this.#waiting.take(key, now - maxAgeMs);
    const how = process ? "warm" : "cold";
    this.#starting = [...this.#startingNow(), now + BUSY_MS[how]];
    if (key === undefined || count === 0) return process;
    metrics.started(engine, how);
    this.#kinds.set(key, { key, engine, start: { command, prepare } });
    for (const old of this.#demand.used(key, now)) this.#forget(old);
    if (process) this.#setbacks.clear(key);
    if (this.#resting) this.#wake.abort();
    if (this.#allowed) void this.#keep();
    return process;
  }

  /** Undefined: no waiting process may serve the run. */
  #keyOf(engine: string, { agentId, warmKey }: RunOptions): string | undefined {
    if (warmKey === undefined) return undefined;
    if (this.#options.shared) return `${engine} ${warmKey}`;
    return agentId === undefined ? undefined : `${engine} ${agentId} ${warmKey}`;
  }

  async #keep(): Promise<void> {
    if (this.#keeping) return;
    this.#keeping = true;
    let pauseMs: number | undefined = PACE_MS;
    while (pauseMs !== undefined && this.#allowed) {
      const wake = new AbortController();
      this.#wake = wake;
      this.#resting = pauseMs > PACE_MS;
      await this.#options.clock.wait(pauseMs, wake.signal);
      pauseMs = wake.signal.aborted ? PACE_MS : await this.#stepIfAllowed();
    }
    this.#keeping = false;
  }

  /** An error here does not affect runs: they start without waiting processes. */
  async #stepIfAllowed(): Promise<number | undefined> {
    try {
      return this.#allowed ? await this.#step() : CHECK_MS;
    } catch (err) {
      this.#options.log.error({ err }, "the check of waiting processes failed");
      return CHECK_MS;
    }
  }

  /** Returns how long to wait before the next step. Undefined: there is nothing more to do. */
  async #step(): Promise<number | undefined> {
    const { clock, maxAgeMs, memoryBytes, startsAtOnce } = this.#options;
    const wanted = this.#demand.wanted(clock.now());
    const verdict = judge(this.#waiting.all(), wanted, { nowMs: clock.now(), maxAgeMs, memoryBytes });
    for (const { one, why } of verdict.ends) this.#waiting.end(one, why);
    for (const [key, bytes] of verdict.sizes) this.#sizes.set(key, bytes);
    const kind = this.#lacking(wanted, memoryBytes - verdict.bytes);
    if (kind === undefined) return wanted.size + this.#waiting.all().length > 0 ? CHECK_MS : undefined;
    if (this.#startingNow().length < startsAtOnce) {
      this.#launching = this.#launch(kind);
      await this.#launching;
      this.#launching = undefined;
    }
    return PACE_MS;
  }

  /** The kind that lacks a process and has the fewest. It considers only kinds whose next process is likely to fit. */
  #lacking(wanted: ReadonlyMap<string, number>, freeBytes: number): Kind | undefined {
    const now = this.#options.clock.now();
    const has = (key: string) => this.#waiting.all().filter(({ kind }) => kind.key === key).length;
    const [first] = [...wanted]
      .filter(([key, many]) => has(key) < many && (this.#sizes.get(key) ?? 0) <= freeBytes)
      .filter(([key]) => this.#setbacks.passed(key, now))
      .toSorted(([a], [b]) => has(a) - has(b));
    return first && this.#kinds.get(first[0]);
  }

  async #launch(kind: Kind): Promise<void> {
    const { clock, launcher, log } = this.#options;
    const since = clock.now();
    try {
      const process = await launcher.launch({
        ...kind.start,
        engine: kind.engine,
        run: `warm-${++this.#names}:0`,
        traceparent: "",
      });
      this.#waiting.add({ kind, process, since });
    } catch (err) {
      log.warn({ err, engine: kind.engine }, "no process could be started to wait for a run");
      this.#setbacks.add(kind.key, clock.now());
    }
    if (!this.#allowed) this.#endAll();
  }

  #startingNow(): readonly number[] {
    return this.#starting.filter((untilMs) => untilMs > this.#options.clock.now());
  }

  #endAll(): void {
    for (const one of this.#waiting.all()) this.#waiting.end(one, "off");
  }

  #forget(key: string): void {
    this.#kinds.delete(key);
    this.#sizes.delete(key);
    this.#setbacks.clear(key);
  }
}
