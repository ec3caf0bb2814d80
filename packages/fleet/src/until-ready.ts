import { setTimeout as sleep } from "node:timers/promises";
import { formatDuration } from "@ccsp/config";
import { createPatience, workSeconds } from "./patience.js";
import type { ManagedProcess } from "./process.js";
import { NO_PROGRESS } from "./progress.js";

export interface ReadyOptions {
  /** How long it may start without progress. */
  readonly limitMs: number;
  /** Fulfils when the process is ready. Its rejection says what is missing. */
  readonly check: () => Promise<void>;
}

const POLL_MS = 15;

/**
 * Waits until `check` passes. Throws if the process ends first. If it makes no progress any more (`createPatience`), it
 * stops the process and throws. The error has the last lines of the process's output.
 */
export async function untilReady(child: ManagedProcess, { limitMs, check }: ReadyOptions): Promise<void> {
  const patience = createPatience(limitMs);
  /** Another answer than before is a step. */
  const faults = new Set<string>();
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
    faults.add(fault.message);
    if (patience.isOver({ steps: faults.size, loadingSeconds: workSeconds(child.pid) })) {
      await child.stop(0);
      const since = `${NO_PROGRESS} for ${formatDuration(limitMs)}`;
      throw new Error(withOutput(`${child.name} is not ready, and ${since}: ${fault.message}`, child));
    }
    await sleep(POLL_MS);
  }
}

function withOutput(message: string, child: ManagedProcess): string {
  const lines = child.lastLines();
  return lines.length === 0 ? message : `${message}. Its last lines:\n${lines.join("\n")}`;
}
