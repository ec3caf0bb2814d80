import type { Claimed, Grant, LeaseStore } from "../leases/lease-store.js";
import { shardOfTask } from "../task/shard.js";
import type { Shards } from "./shards.js";

/** An executor asks all shards for tasks, and may hold leases in each. */
export const shardedLeases = ({ all, ofTask, stores }: Shards): LeaseStore => ({
  async sync(heartbeat) {
    const unknown = heartbeat.held.map(({ id }) => id).filter((id) => !ofTask(id));
    const found = await all((store, shard) => {
      const held = heartbeat.held.filter(({ id }) => shardOfTask(id) === shard);
      return store.sync({ ...heartbeat, held });
    });
    const findings = found.flatMap((each) => (each === "stale" ? [] : [each]));
    const [finding] = findings;
    if (finding === undefined || findings.length < found.length) return "stale";
    return {
      lost: [...unknown, ...findings.flatMap(({ lost }) => lost)],
      cancelled: findings.flatMap(({ cancelled }) => cancelled),
      runHolds: findings.flatMap(({ runHolds }) => runHolds),
      unlisted: findings.flatMap(({ unlisted }) => unlisted),
      forgotten: findings.flatMap(({ forgotten }) => forgotten),
      holdMs: Math.max(...findings.map(({ holdMs }) => holdMs)),
      emergency: finding.emergency,
    };
  },

  noticeOutage: async (leaseMs) => void (await all((store) => store.noticeOutage(leaseMs))),
  claim: createShardedClaim(stores),
  async mayOvertake(...args) {
    const counts = await all((store) => store.mayOvertake(...args));
    return counts.reduce((sum, each) => sum + each, 0);
  },
});

/**
 * Claims from all shards, in three steps. First come the grants that this same Sync got before, so that a repeated Sync
 * gets the same answer. Then come urgent tasks that may overtake, in any shard. Then come the tasks that each shard
 * would start next. The shards take turns, separately for each engine: the shard after the last one that granted a task
 * begins.
 */
function createShardedClaim(shards: readonly LeaseStore[]): LeaseStore["claim"] {
  const nextFirst = new Map<string, number>();

  return async (claim) => {
    const granted = await Promise.all(shards.map((store) => store.claim({ ...claim, count: 0 })));
    if (granted.includes("unsettled")) return "unsettled";
    const repeated = new Set(granted.flatMap((answer) => grantsOf(answer).map(({ task }) => task.id)));
    const urgent = await Promise.all(shards.map((store) => store.mayOvertake(claim.engine, claim.order.urgentMax)));
    const first = nextFirst.get(claim.engine) ?? 0;
    const inTurn = shards.map((_, i) => (first + i) % shards.length);
    const steps = [
      ...inTurn.map((shard) => ({ shard, most: urgent[shard] ?? 0 })),
      ...inTurn.map((shard) => ({ shard, most: claim.count })),
    ];
    for (const { shard, most } of steps) {
      const all = granted.flatMap((answer) => grantsOf(answer));
      const before = grantsOf(granted[shard]);
      const count = Math.min(most, claim.count - all.length);
      const maxBytes = claim.maxBytes - bytesOf(all);
      if (granted.includes("stale") || count <= 0 || maxBytes <= 0) continue;
      // The answer of a shard begins with its earlier grants, so count and bytes include them.
      const more = { ...claim, count: before.length + count, maxBytes: bytesOf(before) + maxBytes, early: false };
      const answer = (await shards[shard]?.claim(more)) ?? NOTHING;
      granted[shard] = answer;
      if (most === claim.count && grantsOf(answer).length > before.length) nextFirst.set(claim.engine, shard + 1);
    }
    if (granted.includes("stale")) return "stale";
    return joinClaims(
      granted.flatMap((answer) => (typeof answer === "string" ? [] : [answer])),
      repeated,
    );
  };
}

/** `repeated`: ids of the tasks that an earlier answer to the same call granted. */
function joinClaims(answers: readonly Claimed[], repeated: ReadonlySet<string>): Claimed {
  const waits = answers.flatMap(({ waitMs }) => waitMs ?? []);
  const deferredBy = answers.find((answer) => answer.deferredBy)?.deferredBy;
  return {
    grants: answers.flatMap(({ grants }) => grants.map((grant) => ({ ...grant, again: repeated.has(grant.task.id) }))),
    left: answers.reduce((sum, { left }) => sum + left, 0),
    pins: answers.some(({ pins }) => pins),
    ...(waits.length > 0 && { waitMs: Math.min(...waits) }),
    ...(deferredBy && { deferredBy }),
  };
}

type ClaimAnswer = Awaited<ReturnType<LeaseStore["claim"]>>;
const NOTHING: ClaimAnswer = { grants: [], left: 0, pins: false };
const grantsOf = (answer: ClaimAnswer | undefined = NOTHING): readonly Grant[] =>
  typeof answer === "string" ? [] : answer.grants;

const bytesOf = (grants: readonly Grant[]): number => grants.reduce((sum, { prompts }) => sum + prompts.byteLength, 0);
