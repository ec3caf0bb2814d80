import { unlessBrief } from "@ccsp/testkit";
import { Redis } from "ioredis";
import { type BudgetHold, setBudgetHolds } from "../src/domain/gates/budget-holds.js";
import type { Grant } from "../src/domain/leases/lease-store.js";
import { inFlight } from "./measure.js";
import { LEASE_MS, openOurs } from "./ours.js";
import type { Report } from "./report.js";

const WAITING = unlessBrief(5_000, 50);
const CALLS = unlessBrief(100, 2);
/** The most that one SetBudgetHolds may set. */
const HOLDS = 1_000;

/**
 * Measures what Redis itself spends in scripts (INFO commandstats, `evalsha`), per step of a task's life, with 5,000
 * tasks waiting. It measures again while budgets of 1,000 other agents are used up. For one more number, run only the step that you work on: commands inside scripts have lines of their
 * own in commandstats.
 */
export async function benchCost(url: string, { say }: Report): Promise<void> {
  const redis = new Redis(url);
  const ours = await openOurs(url);
  let sequence = 0n;
  const spent = async (calls: number, work: () => Promise<unknown>): Promise<number> => {
    const before = await scriptMicros(redis);
    await work();
    return ((await scriptMicros(redis)) - before) / calls;
  };
  const measure = async (state: string): Promise<void> => {
    const enqueue = await spent(WAITING, () => inFlight(50, WAITING, ours.enqueue));
    say(`cost of one enqueue${state}: ${enqueue.toFixed(1)} µs of script`);

    for (const count of [1, 10, 50]) {
      const calls = Math.min(CALLS, 1_000 / count);
      let [sync, claim, complete, leases] = [0, 0, 0, 0];
      for (let call = 0; call < calls; call += 1) {
        sequence += 1n;
        const mark = { executor: "ex-1", boot: "boot-1", sequence };
        const heartbeat = {
          ...mark,
          draining: false,
          address: "",
          offers: [],
          held: [],
          leaseMs: LEASE_MS,
          again: false,
        };
        sync += await spent(1, () => ours.store.sync(heartbeat));
        const held: Grant[] = [];
        claim += await spent(1, async () => {
          held.push(...(await ours.claim(mark, count)));
        });
        leases += held.length;
        complete += await spent(1, () => Promise.all(held.map(ours.complete)));
      }
      say(
        `cost of claiming ${count} at once${state}: ${(sync / calls).toFixed(1)} µs of sync script a call, ${(claim / leases).toFixed(1)} µs ` +
          `of claim script a lease; of one complete: ${(complete / leases).toFixed(1)} µs of script`,
      );
    }
  };
  try {
    await redis.flushall();
    await measure("");
    await redis.flushall();
    await setBudgetHolds(ours.store, Array.from({ length: HOLDS }, otherAgentsHold));
    await measure(`, with ${HOLDS} holds of budgets`);
  } finally {
    await ours.close();
    redis.disconnect();
  }
}

function otherAgentsHold(_: unknown, index: number): BudgetHold {
  const of = { kind: "agent", agent: `spender-${index}` } as const;
  return { name: `budget-${index}`, of, action: "park", limit: "100 requests a day", until: Date.now() + 86_400_000 };
}

async function scriptMicros(redis: Redis): Promise<number> {
  const stats = await redis.info("commandstats");
  return [...stats.matchAll(/^cmdstat_(?:eval|evalsha|fcall):calls=\d+,usec=(\d+)/gm)].reduce(
    (sum, [, micros]) => sum + Number(micros),
    0,
  );
}
