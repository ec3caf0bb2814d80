import type { ExitCause, Overrun, RunExit, RunOptions, RunResources, SupervisedRun } from "@ccsp/engine-kit";
import { readStat } from "./proc.js";
import type { SupervisedProcess } from "./process.js";
import type { RunPlace } from "./run-place.js";
import { WatchedOutput } from "./watched-output.js";

/** A process that waits for its input. It is supervised in every way except the clocks of a run. */
export interface LaunchedProcess {
  readonly pid: number;
  /** Whether it can get its input. */
  readonly alive: boolean;
  /** Memory of all its processes: their own pages and their share of shared pages. 0 if unknown. Expensive. */
  memoryBytes(): number;
  /** Gives the process its input, once. From then on it is a run. */
  use(run: RunInput, how: HowUsed): SupervisedRun;
  /** Kills the process if it was not used. Resolves with `gone`. Idempotent. */
  end(): Promise<void>;
  /** Resolves when nothing is left of it, except a folder that cannot be removed. Never rejects. */
  readonly gone: Promise<void>;
}

export type RunInput = Pick<RunOptions, "input" | "wallMs" | "budgetUsd" | "collect"> &
  Partial<Pick<RunOptions, "traceparent">>;

export interface HowUsed {
  /** True: it was started before the run came. The processor time that it used until now does not count for the run. */
  readonly waited: boolean;
}

export interface LaunchedRunOptions {
  readonly process: SupervisedProcess;
  readonly place: RunPlace;
  readonly clocks: RunClocks;
  /** Replaces the run's own input. */
  readonly input: string | undefined;
  /** Called for a fault that cannot reach the caller that waits for a run. */
  readonly onFault: (err: unknown, message: string) => void;
}

export interface RunClocks {
  readonly silenceMs: number;
  readonly stallMs: number;
}

/** What the process needs once it is a run. */
interface Use extends HowUsed, Pick<RunInput, "collect"> {
  readonly output: WatchedOutput;
  /** Processor time that the process used before the run, in ms. */
  readonly spentCpuMs: number;
}

/**
 * A process tree with its place on this host, from its start to its end. It waits for its input first, and is a run
 * after `use`.
 */
export class LaunchedRun implements LaunchedProcess {
  readonly #exited: Promise<RunExit>;
  readonly gone: Promise<void>;
  readonly #options: LaunchedRunOptions;
  #use: Use | undefined;
  #startedAt = performance.now();
  #passed: Overrun | undefined;
  #lingering: NodeJS.Timeout | undefined;

  constructor(options: LaunchedRunOptions) {
    this.#options = options;
    options.place.onOverrun = (why) => this.#overrun(why);
    this.#exited = this.#end();
    this.gone = this.#goneOrTold();
  }

  get pid() {
    return this.#options.process.pid;
  }

  get alive() {
    return this.#options.process.alive;
  }

  memoryBytes() {
    return this.#options.place.tree.pssBytes();
  }

  use({ input, wallMs, budgetUsd, traceparent = "", collect }: RunInput, { waited }: HowUsed): SupervisedRun {
    const { process, place, clocks, input: prepared } = this.#options;
    const spentCpuMs = waited ? this.#spentUntilNow() : 0;
    place.brokered?.begin({ traceparent, budgetUsd });
    process.write(prepared ?? input);
    this.#startedAt = performance.now();
    const output = new WatchedOutput(process, {
      ...clocks,
      wallMs,
      onOverrun: (why) => {
        this.#passed ??= why;
        process.stop().catch(unheard);
      },
    });
    this.#use = { output, spentCpuMs, waited, collect };
    return this.#face(output);
  }

  async end(): Promise<void> {
    if (!this.#use) this.#killWaiting();
    await this.gone;
  }

  /** A plain object, because engines use single methods of it and spread it to change a part. */
  #face(output: WatchedOutput): SupervisedRun {
    const { process, place } = this.#options;
    const ownCpuMs = (cpuMs: number | undefined) => this.#ownCpuMs(cpuMs);
    return {
      pid: process.pid,
      output: output.chunks,
      exited: this.#exited,
      progress: () => output.progress(),
      broker: place.brokered,
      get resources() {
        const { cpuMs, peakMemoryBytes } = place.tree.resources;
        return { cpuMs: ownCpuMs(cpuMs), peakMemoryBytes };
      },
      get processes() {
        return place.tree.processes;
      },
      stop: () => this.#stop(output),
      kill: () => this.#kill(output),
      endInput: (ms) => this.#endInput(ms),
    };
  }

  async #stop(output: WatchedOutput): Promise<void> {
    output.cut();
    await this.#options.process.stop();
    await this.#exited;
  }

  async #kill(output: WatchedOutput): Promise<void> {
    output.cut();
    await this.#options.process.kill();
    await this.#exited;
  }

  #endInput(ms: number | undefined): void {
    const { process, place } = this.#options;
    // In a sandbox, the root is not the engine.
    if (place.sandbox) void place.tree.scan().catch(unheard);
    else place.tree.glance();
    process.endInput();
    clearTimeout(this.#lingering);
    this.#lingering = ms === undefined ? undefined : setTimeout(() => void process.stop().catch(unheard), ms);
  }

  /** The process tree exceeded a limit of memory or number. */
  #overrun(why: Overrun): void {
    if (!this.#use) return this.#killWaiting();
    this.#passed ??= why;
    this.#use.output.cut();
    // Without a grace: the processes would use it to take more.
    this.#options.process.kill().catch(unheard);
  }

  #killWaiting(): void {
    const { process, onFault } = this.#options;
    process.kill().catch((err: unknown) => onFault(err, "a waiting process does not die"));
  }

  /** A failure reaches the reader of a run through `exited`. A waiting process has no reader. */
  async #goneOrTold(): Promise<void> {
    try {
      await this.#exited;
    } catch (err) {
      if (!this.#use) this.#options.onFault(err, "the end of a waiting process failed");
    }
  }

  async #end(): Promise<RunExit> {
    const { process, place } = this.#options;
    try {
      const { stopped, ...exit } = await process.exited;
      const runMs = performance.now() - this.#startedAt;
      const resources = await this.#spent();
      const otherwise: ExitCause = stopped ? "stopped" : exit.signal ? "signal" : "exited";
      const [overrun, waited] = [this.#passed, this.#use?.waited];
      const brokered = await place.brokered?.close();
      return { ...exit, overrun, cause: overrun ?? otherwise, runMs, resources, waited, brokered };
    } finally {
      clearTimeout(this.#lingering);
      await this.#collect();
      await place.release();
    }
  }

  /** Uses the kernel's own count if there is one. */
  async #spent(): Promise<RunResources> {
    const { tree, cgroup } = this.#options.place;
    const counted = await cgroup?.usage();
    if (counted?.outOfMemory) this.#passed ??= "memory";
    const seen = tree.resources;
    return {
      cpuMs: this.#ownCpuMs(counted?.cpuMs ?? seen.cpuMs),
      peakMemoryBytes: counted?.peakMemoryBytes ?? seen.peakMemoryBytes,
    };
  }

  async #collect(): Promise<void> {
    const { place, onFault } = this.#options;
    await this.#use
      ?.collect?.(place.folder)
      .catch((err: unknown) => onFault(err, "a run's files could not be collected"));
  }

  /** In a sandbox, the root is not the engine: only the last scan knows what the engine used. */
  #spentUntilNow(): number {
    const { process, place } = this.#options;
    return (place.sandbox ? place.tree.resources.cpuMs : readStat(process.pid)?.cpuMs) ?? 0;
  }

  #ownCpuMs(cpuMs: number | undefined): number | undefined {
    return cpuMs && Math.max(0, cpuMs - (this.#use?.spentCpuMs ?? 0));
  }
}

/** A failure reaches the caller that waits for the end through `exited`. */
const unheard = () => {};
