import type { SupervisedProcess } from "./process.js";

/** Why a run was ended from outside. */
export type Overrun = "wall" | "silence";

export interface WatchOptions {
  /** From now on. */
  readonly wallMs: number;
  /** Longest time without output. Time in which nobody reads does not count. */
  readonly silenceMs: number;
  /** Called once, when a limit has passed: the process is to be stopped. */
  onOverrun(overrun: Overrun): void;
}

/** A process that left the tree unseen may hold the pipe open; after the end of the run it is listened to for this long. */
const AFTER_EXIT_MS = 1_000;

/**
 * Reads a process's output in chunks while two clocks run. Only as fast as it is read: the pipe then fills and the process waits.
 * Ends when the output ends, or soon after the process is gone. Never throws.
 */
export async function* watchedOutput(process: SupervisedProcess, options: WatchOptions): AsyncGenerator<Buffer> {
  const { stdout } = process;
  let overrun = false;
  let exited = false;
  let silence: NodeJS.Timeout | undefined;

  const pass = (why: Overrun) => {
    if (!overrun && !exited) options.onOverrun(why);
    overrun = true;
  };
  const listen = () => {
    clearTimeout(silence);
    silence = exited
      ? setTimeout(() => stdout.destroy(), AFTER_EXIT_MS)
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
      if (next.done) return;
      yield next.value;
    }
  } finally {
    clearTimeout(wall);
    clearTimeout(silence);
    stdout.destroy();
  }
}

const END = { done: true, value: undefined } as const;
