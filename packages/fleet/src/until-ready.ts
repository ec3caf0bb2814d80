import { setTimeout as sleep } from "node:timers/promises";
import type { ManagedProcess } from "./process.js";

export interface ReadyOptions {
  readonly timeoutMs: number;
  /** Fulfils when the process is ready. Its rejection says what is missing. */
  readonly check: () => Promise<void>;
}

const POLL_MS = 15;

/**
 * Waits until `check` passes. Throws if the process ends first. If the time is up, it stops the process and throws. The
 * error has the last lines of the process's output.
 */
export async function untilReady(child: ManagedProcess, { timeoutMs, check }: ReadyOptions): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  let ended = false;
  void child.exited.finally(() => {
    ended = true;
  });
  for (;;) {
    const fault = await check().then(
      () => undefined,
      (error: Error) => error,
    );
    if (ended) {
      const { code, signal } = await child.exited;
      throw new Error(withOutput(`${child.name} ended before it was ready (${signal ?? `exit ${code}`})`, child));
    }
    if (fault === undefined) return;
    if (Date.now() > deadline) {
      await child.stop(0);
      throw new Error(withOutput(`${child.name} was not ready after ${timeoutMs} ms: ${fault.message}`, child));
    }
    await sleep(POLL_MS);
  }
}

function withOutput(message: string, child: ManagedProcess): string {
  const lines = child.lastLines();
  return lines.length === 0 ? message : `${message}. Its last lines:\n${lines.join("\n")}`;
}
