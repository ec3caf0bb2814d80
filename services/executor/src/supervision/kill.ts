import { setTimeout as delay } from "node:timers/promises";
import { type Cookie, findProcesses } from "./cookie.js";

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

const LOOKS = 100;
const LOOK_AGAIN_MS = 20;

/**
 * Kills every process whose cookie matches, and those that they start meanwhile. Resolves to the pids that it killed, once a
 * look finds none; rejects when some do not die.
 */
export async function killStrays(matches: (cookie: Cookie) => boolean): Promise<readonly number[]> {
  const killed = new Set<number>();
  for (let look = 0; look < LOOKS; look++) {
    const found = await findProcesses(matches);
    if (found.length === 0) return [...killed];
    for (const pid of found) {
      signal(pid, "SIGKILL");
      killed.add(pid);
    }
    await delay(LOOK_AGAIN_MS);
  }
  throw new Error(`processes of a run do not die: ${[...killed].join(", ")}`);
}
