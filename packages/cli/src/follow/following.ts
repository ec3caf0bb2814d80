import { Interrupted } from "../process/exit.js";
import type { Io } from "../process/io.js";

/**
 * Runs `follow` until it ends. When a signal such as Ctrl-C ends it, throws what ends the command without a
 * message.
 */
export async function untilInterrupted(io: Io, follow: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const leaving = new AbortController();
  const stopListening = io.onInterrupt((signal) => leaving.abort(new Interrupted(signal)));
  try {
    await follow(leaving.signal);
  } catch (error) {
    if (!leaving.signal.aborted) throw error;
  } finally {
    stopListening();
  }
  leaving.signal.throwIfAborted();
}
