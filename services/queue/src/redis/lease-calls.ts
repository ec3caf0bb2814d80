import type { LRUCache } from "lru-cache";
import type { UsedBudget } from "../domain/gates/gates.js";
import type { Claimed, Grant, Heartbeat, LeaseStore, SyncFindings } from "../domain/leases/lease-store.js";
import { MOST_AGEING, type Order, START_TARGET_MS } from "../domain/order/order.js";
import type { Task } from "../domain/task/task.js";
import { decodeReadable } from "./decode.js";
import { emergencyOf } from "./emergency-calls.js";
import { channels } from "./keys.js";
import type { Reply } from "./scripts.js";
import type { Shard } from "./shard.js";

/** Grants and renews leases. `leased` receives each task that a claim leases. */
export function createLeaseCalls(shard: Shard, leased: LRUCache<string, Task>): LeaseStore {
  const { redis, scripts, keys, clock } = shard;
  const { meta, leases, executors, running } = keys;
  return {
    sync: (heartbeat) => sync(shard, heartbeat),
    noticeOutage: (leaseMs) => scripts.noticeOutage({ meta, leases, executors }, clock(), leaseMs),
    claim: createClaim(shard, leased),
    async mayOvertake(engine, urgentMax) {
      const [waiting, overtaking] = await Promise.all([
        redis.zcard(keys.engine(engine).urgentLines),
        redis.hget(running, `urgent/${engine}`),
      ]);
      return urgentMax === 0 ? waiting : Math.max(0, Math.min(waiting, urgentMax - Number(overtaking)));
    },
  };
}

async function sync(
  { scripts, keys, clock }: Shard,
  { executor, boot, sequence, draining, offers, address, held, leaseMs, again }: Heartbeat,
): Promise<"stale" | SyncFindings> {
  const { executors, tasks, leases, running, meta, gates, holds } = keys;
  const reply = await scripts.sync(
    { executor: keys.executor(executor), executors, tasks, leases, running, meta, gates, holds },
    executor,
    clock(),
    boot,
    String(sequence),
    leaseMs,
    draining ? 1 : 0,
    again ? "again" : "first",
    JSON.stringify(offers),
    address,
    ...held.flatMap(({ id, fence }) => [id, String(fence)]),
  );
  const [word, lost, cancelled, unlisted, forgotten, holdMs, stop, stopped] = reply;
  if (word === "stale") return word;
  return {
    lost: texts(lost),
    cancelled: inGroups(texts(cancelled), 3).map(([id = "", fence, reason = ""]) => ({
      id,
      fence: Number(fence),
      reason,
    })),
    unlisted: leasesIn(unlisted),
    forgotten: leasesIn(forgotten),
    holdMs: Number(text(holdMs)),
    emergency: emergencyOf(text(stop)),
    runHolds: inGroups(texts(stopped), 3).map(([id = "", fence, budgets = "[]"]) => ({
      id,
      fence: Number(fence),
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the script writes the budgets of gates
      budgets: JSON.parse(budgets) as readonly UsedBudget[],
    })),
  };
}

function createClaim({ scripts, keys, clock }: Shard, leased: LRUCache<string, Task>): LeaseStore["claim"] {
  const { tasks, prompts, leases, alarms, pinned, blocked, meta, running, load, bench, gates, rates } = keys;
  const { refills, holds } = keys;
  const own = {
    tasks,
    prompts,
    leases,
    alarms,
    pinned,
    blocked,
    meta,
    running,
    load,
    bench,
    gates,
    rates,
    refills,
    holds,
  };
  const orderOf = lastOf(orderArg);

  return async ({ executor, boot, sequence, engine, account, count, leaseMs, maxBytes, order, early }) => {
    const reply = await scripts.claim(
      { executor: keys.executor(executor), ...own, ...keys.engine(engine) },
      executor,
      clock(),
      boot,
      String(sequence),
      engine,
      account,
      count,
      leaseMs,
      maxBytes,
      channels.work,
      orderOf(order),
      early ? "early" : "",
    );
    const [word] = reply;
    if (word === "stale" || word === "unsettled") return word;
    const claimed = readClaim(reply, leaseMs);
    for (const { task } of claimed.grants) leased.set(task.id, task);
    return claimed;
  };
}

function readClaim([, wait, again, left, keptBy, own, ...flat]: Reply, leaseMs: number): Claimed {
  const grants = inGroups(flat.map(buffer), 3).flatMap(([id, record, prompts], i): Grant[] => {
    const task = decodeReadable(text(id), text(record));
    if (task === undefined) return [];
    const { fence = 0, leased = 0 } = task;
    return [{ task, fence, prompts: buffer(prompts), expireMs: leased + leaseMs, again: i < Number(text(again)) }];
  });
  const [waitMs, deferredBy] = [text(wait), text(keptBy)];
  return {
    grants,
    left: Number(text(left)),
    pins: text(own) !== "",
    ...(waitMs !== "" && { waitMs: Number(waitMs) }),
    ...((deferredBy === "login" || deferredBy === "executor") && { deferredBy }),
  };
}

const orderArg = (order: Order): string =>
  JSON.stringify({ ...order, mostAgeing: MOST_AGEING, startTargets: START_TARGET_MS });

/** Remembers the last result. This is for an argument that stays the same while a process runs. */
function lastOf<T, R>(make: (from: T) => R): (from: T) => R {
  let last: { readonly from: T; readonly made: R } | undefined;
  return (from) => {
    if (last?.from !== from) last = { from, made: make(from) };
    return last.made;
  };
}

function buffer(part: Reply[1] | undefined): Buffer {
  if (!Buffer.isBuffer(part)) throw new Error("script answered a list where a string belongs");
  return part;
}

const text = (part: Reply[1] | undefined): string => buffer(part).toString();

function texts(part: Reply[1] = []): string[] {
  if (Buffer.isBuffer(part)) throw new Error("script answered a string where a list belongs");
  return part.map(String);
}

const leasesIn = (part: Reply[1] | undefined): { readonly id: string; readonly fence: number }[] =>
  inGroups(texts(part), 2).map(([id = "", fence]) => ({ id, fence: Number(fence) }));

function inGroups<T>(flat: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.floor(flat.length / size) }, (_, i) => flat.slice(i * size, (i + 1) * size));
}
