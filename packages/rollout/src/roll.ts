import type { ServiceName } from "@ccsp/fleet";
import type { Installation } from "./installation.js";
import { type Load, startLoad } from "./load.js";

/** The monitor calls the queue, so it comes after it. Otherwise any order works. */
const ORDER = ["queue", "executor", "gateway", "monitor", "notification"] as const satisfies readonly ServiceName[];
const SHOWN = 5;

type Say = (line: string) => void;

/** Restarts each service under load. Returns the number of calls that failed. */
export function restartAll(installation: Installation, say: Say): Promise<number> {
  return underLoad(installation, say, async (load) => {
    for (const service of ORDER) {
      await timed(say, `${service}: restarted`, async () => {
        await installation.restart(service);
        await load.proceeds();
      });
    }
  });
}

/**
 * Brings each service to another release under load. If a service does not become ready, or a call fails, it brings back
 * the release from before. Returns whether the new release runs.
 */
export async function upgradeAll(installation: Installation, release: string, say: Say): Promise<boolean> {
  let upgraded = true;
  await underLoad(installation, say, async (load) => {
    const touched: ServiceName[] = [];
    try {
      for (const service of ORDER) {
        touched.push(service);
        await timed(say, `${service}: upgraded`, async () => {
          await installation.upgrade(service, release);
          await load.proceeds();
        });
        if (load.failures.length > 0) throw new Error(`calls fail: ${load.failures[0]}`);
      }
    } catch (error) {
      upgraded = false;
      say(`${touched.at(-1)}: ${error instanceof Error ? error.message : String(error)}`);
      for (const service of touched.toReversed()) {
        await timed(say, `${service}: rolled back`, () => installation.rollBack(service));
      }
      await load.proceeds();
    }
  });
  return upgraded;
}

/**
 * Works while calls go on. Says at the end how many failed, and returns it. Rejects before the work if calls fail
 * already: a wrong gateway or token would look like a release that does not work.
 */
async function underLoad(installation: Installation, say: Say, work: (load: Load) => Promise<void>): Promise<number> {
  const load = await startLoad(installation);
  try {
    await load.proceeds();
    if (load.failures.length > 0) throw new Error(`nothing was changed: calls fail already: ${load.failures[0]}`);
    await work(load);
  } finally {
    const followed = await load.stop();
    if (followed !== undefined) say(followed);
    for (const failure of load.failures.slice(0, SHOWN)) say(`failed: ${failure}`);
    say(`failed calls: ${load.failures.length} of ${load.count}`);
  }
  return load.failures.length;
}

async function timed(say: Say, what: string, work: () => Promise<void>): Promise<void> {
  const since = performance.now();
  await work();
  say(`${what} in ${((performance.now() - since) / 1_000).toFixed(1)} s`);
}
