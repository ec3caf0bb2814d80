import { setTimeout as delay } from "node:timers/promises";
import { type Cookie, parseCookie } from "./cookie.js";
import { createProcessTable, type ProcessTable } from "./proc.js";

/**
 * Sends a signal to a process, or to a group if `pid` is negative. Ignores a missing process. Also ignores a refusal:
 * some systems refuse to signal a group of zombies. Scans find out whether the run is gone.
 */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (err) {
    const code = err instanceof Error && "code" in err ? err.code : undefined;
    if (code !== "ESRCH" && code !== "EPERM") throw err;
  }
}

/** SIGKILL works immediately, except on a process that waits for a broken disk. */
const DEATH_MS = 5_000;
const RESCAN_MS = 20;
/** One scan can miss a process if its parent starts it and also ends during the scan. */
const CLEAN_SCANS = 2;

/**
 * Kills every process that `scan` finds, and the processes that they start meanwhile. Resolves to the pids that it
 * killed, once the scans find none. Rejects if some do not die.
 */
export async function killAll(scan: () => Promise<readonly number[]>): Promise<readonly number[]> {
  const killed = new Set<number>();
  const giveUpAt = performance.now() + DEATH_MS;
  for (let clean = 0; clean < CLEAN_SCANS; ) {
    const found = await scan();
    const fresh = found.some((pid) => !killed.has(pid));
    for (const pid of found) {
      signal(pid, "SIGKILL");
      killed.add(pid);
    }
    clean = found.length === 0 ? clean + 1 : 0;
    if (found.length > 0 && performance.now() > giveUpAt) {
      throw new Error(`processes of a run do not die: ${found.join(", ")}`);
    }
    // No pause while scans find new processes: killing must be faster than processes that start others.
    if (found.length > 0 && !fresh) await delay(RESCAN_MS);
  }
  return [...killed];
}

/**
 * Finds the processes of this host whose cookie `matches`. It sees only processes that this user may read. A process
 * that cleared its environment is not found. Without /proc, the result is empty. Repeated looks are faster with one
 * `table`.
 */
export async function findProcesses(
  matches: (cookie: Cookie) => boolean,
  table: ProcessTable = createProcessTable(),
): Promise<number[]> {
  const rows = await table.read();
  return [...rows.values()]
    .filter((row) => {
      const cookie = parseCookie(row.cookie);
      return cookie !== undefined && matches(cookie);
    })
    .map(({ pid }) => pid);
}
