import { fstatSync } from "node:fs";
import { Worker } from "node:worker_threads";

/** The most bytes that wait for a reader, or for a disk. A power of two. */
const RING_BYTES = 1024 * 1024;
/** The end of the process waits so long for the lines that are not written yet. */
const END_MS = 1_000;
const RESTART_MS = 1_000;

/** The numbers that both threads see, by their place. `HEAD` and `TAIL` count bytes, modulo 2^32. */
const CELLS = {
  HEAD: 0,
  TAIL: 1,
  /** 1: lines were dropped, and this thread wants to know when there is room again. */
  WANTED: 2,
  /** 1: the process ends, so a write that fails is the last one. */
  ENDING: 3,
  /** 1: the writer is in a write, which may never return. */
  WRITING: 4,
  FAILURES: 5,
  GAVE_UP: 6,
  /** Nobody notifies it: a wait for it is a pause. */
  NEVER: 7,
  COUNT: 8,
} as const;

/** `failures` is the number of failed writes. `dropped` is the number of lines that will never be written. */
export interface Lost {
  readonly failures: number;
  readonly dropped: number;
}

/**
 * Lines on their way to a file descriptor. A thread of its own writes them, with blocking writes. So this thread never
 * waits for a reader or a disk, and no thread that reads files or asks DNS does. Up to 1 MiB of lines waits; further
 * lines are dropped. No flag of the descriptor is changed, because other processes may share it.
 */
export interface Output {
  /** Takes the text as a whole, in order, or drops it. Never throws, never waits. */
  write(text: string): void;
  /** All that was lost until now. */
  lost(): Lost;
  /**
   * Says how to write what was lost, as soon as lines are written again. Only the first caller is heard. Without one, a
   * line of JSON says it.
   */
  sayLoss(say: (lost: Lost) => void): void;
}

export const NOT_WRITTEN = "the log could not be written for a while";

class ThreadedOutput implements Output {
  readonly #fd: number;
  readonly #shared = new SharedArrayBuffer(CELLS.COUNT * Int32Array.BYTES_PER_ELEMENT + RING_BYTES);
  readonly #control = new Int32Array(this.#shared, 0, CELLS.COUNT);
  readonly #ring = Buffer.from(this.#shared, CELLS.COUNT * Int32Array.BYTES_PER_ELEMENT);
  #say: ((lost: Lost) => void) | undefined;
  #dropping = false;
  #dropped = 0;
  #said: Lost = { failures: 0, dropped: 0 };

  constructor(fd: number) {
    this.#fd = fd;
    this.#startWriter();
  }

  write(text: string): void {
    const bytes = Buffer.from(text);
    // Once a line was dropped, all are, until half of the room is free. So one gap stays one gap.
    if (this.#dropping && this.#waiting() <= RING_BYTES / 2) this.#flow();
    if (this.#dropping || bytes.length > RING_BYTES - this.#waiting()) {
      this.#dropping = true;
      this.#dropped += 1;
      Atomics.store(this.#control, CELLS.WANTED, 1);
      return;
    }
    const head = Atomics.load(this.#control, CELLS.HEAD);
    const first = bytes.copy(this.#ring, head & (RING_BYTES - 1));
    bytes.copy(this.#ring, 0, first);
    Atomics.store(this.#control, CELLS.HEAD, (head + bytes.length) | 0);
    Atomics.notify(this.#control, CELLS.HEAD);
  }

  lost(): Lost {
    return { failures: Atomics.load(this.#control, CELLS.FAILURES), dropped: this.#dropped };
  }

  sayLoss(say: (lost: Lost) => void): void {
    this.#say ??= say;
  }

  /** Waits until everything is written, at most until `deadline`. Returns false if a write may never return. */
  end(deadline: number): boolean {
    Atomics.store(this.#control, CELLS.ENDING, 1);
    Atomics.notify(this.#control, CELLS.ENDING);
    while (this.#waiting() > 0 && Atomics.load(this.#control, CELLS.GAVE_UP) === 0) {
      const leftMs = deadline - performance.now();
      const tail = Atomics.load(this.#control, CELLS.TAIL);
      if (this.#waiting() > 0 && (leftMs <= 0 || Atomics.wait(this.#control, CELLS.TAIL, tail, leftMs) === "timed-out"))
        return Atomics.load(this.#control, CELLS.WRITING) === 0;
    }
    return true;
  }

  #waiting(): number {
    return (Atomics.load(this.#control, CELLS.HEAD) - Atomics.load(this.#control, CELLS.TAIL)) | 0;
  }

  #flow(): void {
    this.#dropping = false;
    Atomics.store(this.#control, CELLS.WANTED, 0);
    const now = this.lost();
    const since = { failures: now.failures - this.#said.failures, dropped: now.dropped - this.#said.dropped };
    if (since.failures === 0 && since.dropped === 0) return;
    this.#said = now;
    if (this.#say) this.#say(since);
    else this.write(`${JSON.stringify({ level: "warn", time: new Date(), ...since, msg: NOT_WRITTEN })}\n`);
  }

  #startWriter(): void {
    const writer = new Worker(new URL("../writer/writer.mjs", import.meta.url), {
      workerData: { fd: this.#fd, shared: this.#shared, cells: CELLS, ringBytes: RING_BYTES },
      // Without these, the thread would load all that this process loads, and Node would open its own stdout and stderr,
      // which makes them non-blocking for every process that shares them.
      execArgv: [],
      env: {},
      stdout: true,
      stderr: true,
    });
    writer.on("message", () => this.#flow());
    // The system refused the thread. What waits is kept for the next one.
    writer.on("error", () => setTimeout(() => this.#startWriter(), RESTART_MS).unref());
    writer.unref();
  }
}

const outputs = new Map<string, ThreadedOutput>();

/** Returns the output of a descriptor. There is one for each open file: stdout and stderr may be the same. */
export function openOutput(fd: number): Output {
  const { dev, ino } = fstatSync(fd);
  const file = `${dev}:${ino}`;
  const known = outputs.get(file);
  if (known) return known;
  if (outputs.size === 0) process.on("exit", endOutputs);
  const output = new ThreadedOutput(fd);
  outputs.set(file, output);
  return output;
}

/** What all outputs of this process lost until now. */
export function lostLines(): Lost {
  const all = [...outputs.values()].map((output) => output.lost());
  return {
    failures: all.reduce((sum, { failures }) => sum + failures, 0),
    dropped: all.reduce((sum, { dropped }) => sum + dropped, 0),
  };
}

function endOutputs(code: number): void {
  const deadline = performance.now() + END_MS;
  const free = [...outputs.values()].map((output) => output.end(deadline));
  if (!free.includes(false)) return;
  // Node waits for its threads without a limit, also for one that is in a write. The kernel ends them when the process
  // gets another program. A signal would not do: it hides the exit code, and process 1 of a container ignores it.
  const listeners = process.listeners("exit");
  for (const later of listeners.slice(listeners.indexOf(endOutputs) + 1)) later.call(process, code);
  process.execve?.(process.execPath, [process.execPath, "-e", `process.exit(${code})`], {});
}
