import { setTimeout as delay } from "node:timers/promises";
import { type Cookie, parseCookie } from "./cookie.js";
import { createProcessTable } from "./proc.js";

/**
 * Signals a process (or, negative, a group). Nothing there is fine, and so is nothing that may be signalled (what some systems say of
 * a group of zombies): whether the run is gone is found out by looking.
 */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (err) {
    const code = err instanceof Error && "code" in err ? err.code : undefined;
    if (code !== "ESRCH" && code !== "EPERM") throw err;
  }
}

/** SIGKILL works at once, save on a process that waits for a broken disk. */
const DEATH_MS = 5_000;
const LOOK_AGAIN_MS = 20;
/** One look can miss a process that was started during it by one that ended during it. */
const CLEAN_LOOKS = 2;

/**
 * Kills every process that `look` finds, and those that they start meanwhile. Resolves to the pids that it killed, once looks find
 * none; rejects when some do not die.
 */
export async function killAll(look: () => Promise<readonly number[]>): Promise<readonly number[]> {
  const killed = new Set<number>();
  const giveUpAt = performance.now() + DEATH_MS;
  for (let clean = 0; clean < CLEAN_LOOKS; ) {
    const found = await look();
    const fresh = found.some((pid) => !killed.has(pid));
    for (const pid of found) {
      signal(pid, "SIGKILL");
      killed.add(pid);
    }
    clean = found.length === 0 ? clean + 1 : 0;
    if (found.length > 0 && performance.now() > giveUpAt) {
      throw new Error(`processes of a run do not die: ${found.join(", ")}`);
    }
    // No pause while there are new ones: a crowd that starts others has to be overtaken.
    if (found.length > 0 && !fresh) await delay(LOOK_AGAIN_MS);
  }
  return [...killed];
}

/**
 * Processes of this host whose cookie `matches`. Sees only what this user may read; a process that cleared its environment
 * is not found. None where there is no /proc.
 */
export async function findProcesses(matches: (cookie: Cookie) => boolean): Promise<number[]> {
  const rows = await createProcessTable().read();
  return [...rows.values()]
    .filter((row) => {
      const cookie = parseCookie(row.cookie);
      return cookie !== undefined && matches(cookie);
    })
    .map(({ pid }) => pid);
}
