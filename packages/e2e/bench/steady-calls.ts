import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { World } from "@ccsp/e2e-kit/world.js";

/** Calls at a steady rate, also while earlier calls are still open. Returns the durations in ms. */
export async function steadily(call: () => Promise<unknown>, perSecond: number, seconds: number): Promise<number[]> {
  const times: number[] = [];
  const calls: Promise<void>[] = [];
  const start = performance.now();
  for (let index = 0; index < perSecond * seconds; index += 1) {
    const due = start + (index * 1000) / perSecond;
    const early = due - performance.now();
    if (early > 0) await delay(early);
    calls.push(
      (async () => {
        await call();
        // Counts from the moment when the call was due, because a caller that could not keep the rate must not hide the
        // wait.
        times.push(performance.now() - due);
      })(),
    );
  }
  await Promise.all(calls);
  return times;
}

/** The CPU time of gateway and queue so far. */
export async function cpuMs(world: World): Promise<number> {
  const services = world.fleet.processes().filter(({ name }) => name === "gateway" || name === "queue");
  const spent = await Promise.all(services.map(async ({ process: { pid } }) => (await readStat(pid)).cpuMs));
  return spent.reduce((sum, ms) => sum + ms, 0);
}

/** The parent of a process, and its CPU time so far, which Linux counts in ticks of 10 ms (proc(5)). */
export async function readStat(pid: number): Promise<{ readonly parent: number; readonly cpuMs: number }> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // The name of the program is in brackets and may have spaces.
  const fields = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .map(Number);
  const [parent = 0, user = 0, system = 0] = [fields[1], fields[11], fields[12]];
  return { parent, cpuMs: (user + system) * 10 };
}
