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

export interface WatchedOutput {
  /**
   * In chunks, read only as fast as it is taken: the pipe then fills and the process waits. Nothing that is read once a limit has passed, or
   * after `cut`, is among them. Ends when the output ends, or soon after the process is gone. Never throws.
   */
  readonly chunks: AsyncIterable<Buffer>;
  /** The process is being ended: what it says from now on does not count. It is read all the same, so that nobody waits for room. */
  cut(): void;
  /** What was read meant something new: the stall clock begins anew. */
  progress(): void;
}

/** A process's output, while three clocks run. */
export function watchOutput(process: SupervisedProcess, options: WatchOptions): WatchedOutput {
  const { stdout } = process;
  let cut = false;
  let exited = false;
  let silence: NodeJS.Timeout | undefined;
  let stall: NodeJS.Timeout | undefined;
  let listeningSince = 0;
  /** Listened since the last progress. */
  let stalledMs = 0;
  // All waits together: whoever holds the pipe may write for ever.
  let afterExitMs = AFTER_EXIT_MS;

  const pass = (why: Overrun) => {
    if (cut || exited) return;
    cut = true;
    options.onOverrun(why);
  };
  const deafen = () => {
    clearTimeout(silence);
    clearTimeout(stall);
    silence = undefined;
  };
  const listen = () => {
    deafen();
    listeningSince = performance.now();
    silence = exited
      ? setTimeout(() => stdout.destroy(), afterExitMs)
      : setTimeout(() => pass("silence"), options.silenceMs);
    if (!exited && !cut) stall = setTimeout(() => pass("stall"), options.stallMs - stalledMs);
  };
  const wall = setTimeout(() => pass("wall"), options.wallMs);
  const whenExited = () => {
    exited = true;
    clearTimeout(wall);
    // Only a reader who waits has a timer to be replaced.
    if (silence !== undefined) listen();
  };
  void process.exited.then(whenExited, whenExited);

  async function* read(): AsyncGenerator<Buffer> {
    const chunks = stdout.iterator();
    try {
      for (;;) {
        listen();
        // Rejects when it is destroyed, which is the end too.
        const next: IteratorResult<Buffer, undefined> = await chunks.next().catch(() => END);
        const listenedMs = performance.now() - listeningSince;
        deafen();
        stalledMs += listenedMs;
        if (exited) afterExitMs -= listenedMs;
        if (next.done || afterExitMs <= 0) return;
        if (!cut) yield next.value;
      }
    } finally {
      clearTimeout(wall);
      deafen();
      stdout.destroy();
    }
  }

  return {
    chunks: read(),
    cut() {
      // What is left of a process that has ended by itself came before.
      cut ||= !exited;
    },
    progress() {
      stalledMs = 0;
    },
  };
}

const END = { done: true, value: undefined } as const;
