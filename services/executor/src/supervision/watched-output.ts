import type { Overrun } from "@ccsp/engine-kit";
import { AFTER_EXIT_MS, type SupervisedProcess } from "./process.js";

export interface WatchOptions {
  /** From now on. */
  readonly wallMs: number;
  /** Longest time without output. Time in which nobody reads does not count. */
  readonly silenceMs: number;
  /** Called once, when a limit has passed: the process is to be stopped. */
  onOverrun(overrun: Overrun): void;
}

/**
 * Reads a process's output in chunks while two clocks run. Only as fast as it is read: the pipe then fills and the process waits.
 * Ends when the output ends, or soon after the process is gone. Never throws.
 */
export async function* watchedOutput(process: SupervisedProcess, options: WatchOptions): AsyncGenerator<Buffer> {
  const { stdout } = process;
  let overrun = false;
  let exited = false;
  let silence: NodeJS.Timeout | undefined;
  let listeningSince = 0;
  // All waits together: whoever holds the pipe may write for ever.
  let afterExitMs = AFTER_EXIT_MS;

  const pass = (why: Overrun) => {
    if (!overrun && !exited) options.onOverrun(why);
    overrun = true;
  };
  const listen = () => {
    clearTimeout(silence);
    listeningSince = performance.now();
    silence = exited
      ? setTimeout(() => stdout.destroy(), afterExitMs)
      : setTimeout(() => pass("silence"), options.silenceMs);
  };
  const wall = setTimeout(() => pass("wall"), options.wallMs);
  const whenExited = () => {
    exited = true;
    clearTimeout(wall);
    // Only a reader who waits has a timer to be replaced.
    if (silence !== undefined) listen();
  };
  void process.exited.then(whenExited, whenExited);

  const chunks = stdout.iterator();
  try {
    for (;;) {
      listen();
      // Rejects when it is destroyed, which is the end too.
      const next: IteratorResult<Buffer, undefined> = await chunks.next().catch(() => END);
      clearTimeout(silence);
      silence = undefined;
      if (exited) afterExitMs -= performance.now() - listeningSince;
      if (next.done || afterExitMs <= 0) return;
      yield next.value;
    }
  } finally {
    clearTimeout(wall);
    clearTimeout(silence);
    stdout.destroy();
  }
}

const END = { done: true, value: undefined } as const;
