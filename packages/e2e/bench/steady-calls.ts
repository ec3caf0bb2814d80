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

/** The CPU time of gateway and queue so far. Linux counts it in ticks of 10 ms. */
export async function cpuMs(world: World): Promise<number> {
  let ticks = 0;
  for (const { name, process: child } of world.fleet.processes()) {
    if (name !== "gateway" && name !== "queue") continue;
    const stat = await readFile(`/proc/${child.pid}/stat`, "utf8");
    const [user, system] = stat
      .slice(stat.lastIndexOf(")") + 2)
      .split(" ")
      .slice(11, 13);
    ticks += Number(user) + Number(system);
  }
  return ticks * 10;
}
