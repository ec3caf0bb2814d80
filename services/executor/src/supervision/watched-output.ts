import type { Overrun } from "@ccsp/engine-kit";
import { AFTER_EXIT_MS, type SupervisedProcess } from "./process.js";

export interface WatchOptions {
  /** From now on. */
  readonly wallMs: number;
  /** Longest time without output. Time in which nobody reads does not count, here and below. */
  readonly silenceMs: number;
  /** Longest time without progress, whatever is written meanwhile. */
  readonly stallMs: number;
  /** Called once, when a limit has passed: the process is to be stopped. */
  onOverrun(overrun: Overrun): void;
}

/** A process's output, while three clocks run. */
export class WatchedOutput {
  /**
   * In chunks, read only as fast as it is taken: the pipe then fills and the process waits. Nothing that is read once a limit has passed, or
   * after `cut`, is among them. Ends when the output ends, or soon after the process is gone. Never throws.
   */
  readonly chunks: AsyncIterable<Buffer>;
  readonly #stdout: SupervisedProcess["stdout"];
  readonly #options: WatchOptions;
  readonly #wall: NodeJS.Timeout;
  #silence: NodeJS.Timeout | undefined;
  #stall: NodeJS.Timeout | undefined;
  #cut = false;
  #exited = false;
  #listeningSince = 0;
  /** Listened since the last progress. */
  #stalledMs = 0;
  /** All waits together: the one who holds the pipe may write for ever. */
  #afterExitMs = AFTER_EXIT_MS;

  constructor({ stdout, exited }: SupervisedProcess, options: WatchOptions) {
    this.#stdout = stdout;
    this.#options = options;
    this.#wall = setTimeout(() => this.#pass("wall"), options.wallMs);
    const whenExited = () => this.#whenExited();
    void exited.then(whenExited, whenExited);
    this.chunks = this.#read();
  }

  /** The process is being ended: what it says from now on does not count. It is read all the same, so that nobody waits for room. */
  cut(): void {
    // What is left of a process that has ended by itself came before.
    this.#cut ||= !this.#exited;
  }

  /** What was read meant something new: the stall clock begins anew. */
  progress(): void {
    this.#stalledMs = 0;
  }

  async *#read(): AsyncGenerator<Buffer> {
    const chunks = this.#stdout.iterator();
    try {
      for (;;) {
        this.#listen();
        // Rejects when it is destroyed, which is the end too.
        const next: IteratorResult<Buffer, undefined> = await chunks.next().catch(() => END);
        this.#heard();
        if (next.done || this.#afterExitMs <= 0) return;
        if (!this.#cut) yield next.value;
      }
    } finally {
      clearTimeout(this.#wall);
      this.#deafen();
      this.#stdout.destroy();
    }
  }

  #listen(): void {
    this.#deafen();
    this.#listeningSince = performance.now();
    if (this.#exited) {
      this.#silence = setTimeout(() => this.#stdout.destroy(), this.#afterExitMs);
      return;
    }
    const { silenceMs, stallMs } = this.#options;
    this.#silence = setTimeout(() => this.#pass("silence"), silenceMs);
    if (!this.#cut) this.#stall = setTimeout(() => this.#pass("stall"), Math.max(0, stallMs - this.#stalledMs));
  }

  #heard(): void {
    const listenedMs = performance.now() - this.#listeningSince;
    this.#deafen();
    this.#stalledMs += listenedMs;
    if (this.#exited) this.#afterExitMs -= listenedMs;
  }

  #deafen(): void {
    clearTimeout(this.#silence);
    clearTimeout(this.#stall);
    this.#silence = undefined;
  }

  #pass(why: Overrun): void {
    if (this.#cut || this.#exited) return;
    this.#cut = true;
    this.#options.onOverrun(why);
  }

  #whenExited(): void {
    this.#exited = true;
    clearTimeout(this.#wall);
    // Only a reader who waits has a timer to be replaced.
    if (this.#silence !== undefined) this.#listen();
  }
}

const END = { done: true, value: undefined } as const;
