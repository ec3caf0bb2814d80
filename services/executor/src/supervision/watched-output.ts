import type { Overrun } from "@ccsp/engine-kit";
import { AFTER_EXIT_MS, type SupervisedProcess } from "./process.js";

export interface WatchOptions {
  /** Counts from the start of the watch. */
  readonly wallMs: number;
  /** Longest time without output. This limit and the next one do not count time in which the caller does not read. */
  readonly silenceMs: number;
  /** Longest time without progress, even if the process writes meanwhile. */
  readonly stallMs: number;
  /** Called once, when a limit is exceeded. The caller must then stop the process. */
  onOverrun(overrun: Overrun): void;
}

/** A process's output, with three clocks that limit it. */
export class WatchedOutput {
  /**
   * The output in chunks. Backpressure: it is read only when the caller takes it, so the pipe fills and the process
   * waits. Output that is read after a limit is exceeded, or after `cut`, is not included. Ends when the output ends,
   * or soon after the process is gone. Never throws.
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
  /** Time spent reading since the last progress, in ms. */
  #stalledMs = 0;
  /** Limits the total wait after the exit: a process that holds the pipe may write forever. */
  #afterExitMs = AFTER_EXIT_MS;

  constructor({ stdout, exited }: SupervisedProcess, options: WatchOptions) {
    this.#stdout = stdout;
    this.#options = options;
    this.#wall = setTimeout(() => this.#pass("wall"), options.wallMs);
    const whenExited = () => this.#whenExited();
    void exited.then(whenExited, whenExited);
    this.chunks = this.#read();
  }

  /**
   * To be called when the process is being ended. Its later output does not count. It is still read, so the process
   * does not block on a full pipe.
   */
  cut(): void {
    // If the process has ended by itself, its remaining output was written before that and counts.
    this.#cut ||= !this.#exited;
  }

  /** The output showed something new, so the stall clock starts again. */
  progress(): void {
    this.#stalledMs = 0;
  }

  async *#read(): AsyncGenerator<Buffer> {
    const chunks = this.#stdout.iterator();
    try {
      for (;;) {
        this.#listen();
        // This rejects when the stream is destroyed. That is also the end.
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
    // Only a waiting reader has a timer to replace.
    if (this.#silence !== undefined) this.#listen();
  }
}

const END = { done: true, value: undefined } as const;
