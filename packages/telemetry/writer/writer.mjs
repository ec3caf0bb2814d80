/**
 * Writes the lines of an output (src/output.ts) to its file descriptor, in a thread of its own. Only this thread waits
 * when nobody reads. The loop never returns to an event loop.
 */
import { writeSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";

const { fd, shared, cells, ringBytes } = workerData;
const { HEAD, TAIL, WANTED, ENDING, WRITING, FAILURES, GAVE_UP, NEVER, COUNT } = cells;
const control = new Int32Array(shared, 0, COUNT);
const ring = new Uint8Array(shared, COUNT * Int32Array.BYTES_PER_ELEMENT);
const chunk = Buffer.alloc(64 * 1024);

/**
 * A pipe takes a write of so many bytes as a whole (PIPE_BUF of Linux). So lines of several processes are not mixed, and
 * the end of this process leaves no part of a line.
 */
const WHOLE_BYTES = 4_096;
const RETRY_MS = 1_000;
/** Another process may have made this descriptor non-blocking: the flag belongs to all who share it. */
const FULL_MS = 10;

let failing = false;

for (;;) {
  const head = Atomics.load(control, HEAD);
  const tail = Atomics.load(control, TAIL);
  if (head === tail) {
    Atomics.wait(control, HEAD, head);
    continue;
  }
  const bytes = next(tail, (head - tail) | 0);
  try {
    Atomics.store(control, WRITING, 1);
    const written = writeSync(fd, chunk, 0, bytes);
    Atomics.store(control, WRITING, 0);
    Atomics.store(control, TAIL, (tail + written) | 0);
    Atomics.notify(control, TAIL);
    const roomy = ((head - tail - written) | 0) <= ringBytes / 2;
    if ((roomy && Atomics.compareExchange(control, WANTED, 1, 0) === 1) || failing) parentPort.postMessage("flows");
    failing = false;
  } catch (error) {
    Atomics.store(control, WRITING, 0);
    if (error.code === "EAGAIN") {
      Atomics.wait(control, NEVER, 0, FULL_MS);
      continue;
    }
    Atomics.add(control, FAILURES, 1);
    failing = true;
    if (Atomics.load(control, ENDING) === 1) break;
    Atomics.wait(control, ENDING, 0, RETRY_MS);
  }
}
Atomics.store(control, GAVE_UP, 1);
Atomics.notify(control, TAIL);

/** Copies the next bytes into `chunk`, and returns how many to write: whole lines, or one long line. */
function next(tail, waiting) {
  const most = Math.min(waiting, chunk.length);
  const from = tail & (ringBytes - 1);
  const first = Math.min(most, ringBytes - from);
  chunk.set(ring.subarray(from, from + first));
  chunk.set(ring.subarray(0, most - first), first);
  if (most <= WHOLE_BYTES) return most;
  const whole = chunk.lastIndexOf(10, WHOLE_BYTES - 1) + 1;
  if (whole > 0) return whole;
  const end = chunk.subarray(0, most).indexOf(10) + 1;
  return end > 0 ? end : most;
}
