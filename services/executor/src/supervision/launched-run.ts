import type { ExitCause, Overrun, RunExit, RunOptions, RunResources, SupervisedRun } from "@ccsp/engine-kit";
import { readStat } from "./proc.js";
import type { SupervisedProcess } from "./process.js";
import type { RunPlace } from "./run-place.js";
import { WatchedOutput } from "./watched-output.js";

/** A process that waits for its input: supervised in all but the clocks of a run. */
export interface LaunchedProcess {
  readonly pid: number;
  /** It can be given its input. */
  readonly alive: boolean;
  /** Memory of all its processes, with its share of what they share; 0 where that is not told. Dear. */
  memoryBytes(): number;
  /** Gives it its input, once: it is a run from now on. */
  use(run: RunInput, how: HowUsed): SupervisedRun;
  /** Kills it, if it was not used. Resolves with `gone`. Idempotent. */
  end(): Promise<void>;
  /** Resolves when nothing is left of it, save a folder that cannot be removed. Never rejects. */
  readonly gone: Promise<void>;
}

export type RunInput = Pick<RunOptions, "input" | "wallMs" | "collect">;

export interface HowUsed {
  /** It was started before the run was there: the time that it took until now is not the run's. */
  readonly waited: boolean;
}

export interface LaunchedRunOptions {
  readonly process: SupervisedProcess;
  readonly place: RunPlace;
  readonly clocks: RunClocks;
  /** In place of the run's own. */
  readonly input: string | undefined;
  /** What cannot be told to the one who waits for a run. */
  readonly onFault: (err: unknown, message: string) => void;
}

export interface RunClocks {
  readonly silenceMs: number;
  readonly stallMs: number;
}

/** What it has as a run. */
interface Use extends HowUsed, Pick<RunInput, "collect"> {
  readonly output: WatchedOutput;
  /** What its process had taken before. */
  readonly spentCpuMs: number;
}

/** A process tree with its place on this host, from its start to its end: it waits for its input, and is a run from `use` on. */
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

  use({ input, wallMs, collect }: RunInput, { waited }: HowUsed): SupervisedRun {
    const { process, clocks, input: prepared } = this.#options;
    const spentCpuMs = waited ? (readStat(process.pid)?.cpuMs ?? 0) : 0;
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

  /** A plain object: engines take single methods from it, and spread it to change a part. */
  #face(output: WatchedOutput): SupervisedRun {
    const { process, place } = this.#options;
    const ownCpuMs = (cpuMs: number | undefined) => this.#ownCpuMs(cpuMs);
    return {
      pid: process.pid,
      output: output.chunks,
      exited: this.#exited,
      progress: () => output.progress(),
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
    place.tree.glance();
    process.endInput();
    clearTimeout(this.#lingering);
    this.#lingering = ms === undefined ? undefined : setTimeout(() => void process.stop().catch(unheard), ms);
  }

  /** It passed a limit of memory or number. */
  #overrun(why: Overrun): void {
    if (!this.#use) return this.#killWaiting();
    this.#passed ??= why;
    this.#use.output.cut();
    // At once: a grace would be used to take more.
    this.#options.process.kill().catch(unheard);
  }

  #killWaiting(): void {
    const { process, onFault } = this.#options;
    process.kill().catch((err: unknown) => onFault(err, "a waiting process does not die"));
  }

  /** The reader of a run learns of a failure from `exited`; one that waits has no reader. */
  async #goneOrTold(): Promise<void> {
    try {
      await this.#exited;
    } catch (err) {
      if (!this.#use) this.#options.onFault(err, "something is left of a process that waited");
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
      return { ...exit, overrun, cause: overrun ?? otherwise, runMs, resources, waited };
    } finally {
      clearTimeout(this.#lingering);
      await this.#collect();
      await place.release();
    }
  }

  /** The kernel's own count where there is one. */
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

  #ownCpuMs(cpuMs: number | undefined): number | undefined {
    return cpuMs && Math.max(0, cpuMs - (this.#use?.spentCpuMs ?? 0));
  }
}

/** The one who waits for the end learns of a failure from `exited`. */
const unheard = () => {};
