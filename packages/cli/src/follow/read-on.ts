import { setTimeout as delay } from "node:timers/promises";
import { exitCodeOf } from "../connection/failed-call.js";
import { EXIT, messageOf } from "../process/exit.js";
import { type Io, note } from "../process/io.js";

const AGAIN_MS = 1_000;

/**
 * Reads a stream, and opens it again when a server that had answered goes away for some time. `open` opens the stream
 * after the last item.
 */
export async function* readOn<T>(io: Io, open: () => AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T, void> {
  let answered = false;
  let told = false;
  for (;;) {
    try {
      for await (const message of open()) {
        [answered, told] = [true, false];
        yield message;
      }
      return;
    } catch (error) {
      if (signal.aborted || !answered || exitCodeOf(error) !== EXIT.unavailable) throw error;
      if (!told) note(io, `asking again: ${messageOf(error)}`);
      told = true;
    }
    await delay(AGAIN_MS, undefined, { signal });
  }
}
