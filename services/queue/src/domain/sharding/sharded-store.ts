import type { NextDue } from "../due/due-store.js";
import type { ExecutorView } from "../executors/executor-store.js";
import { joinSurroundings } from "../explain/situation.js";
import type { Grant, LeaseStore } from "../leases/lease-store.js";
import type { Cursor } from "../search/search-store.js";
import { byLoad, type Counts, type Depth } from "../status/status-store.js";
import type { TaskStore } from "../store.js";
import { idInShard, shardOfAgent, shardOfTask } from "../task/shard.js";
import { COPY, mendGates } from "./mend-gates.js";

/**
 * One store out of one for each shard; see docs/queue-storage.md, Shards and names. An agent's tasks are in one shard, a task's id names its
 * own, and whoever asks for all is answered by all. Bounds are those of a shard: the caller divides.
 */
export function createShardedStore(shards: readonly TaskStore[]): TaskStore {
  const [first, ...others] = shards;
  if (first === undefined) throw new Error("there is no shard");
  if (others.length === 0) return first;

  const all = <T>(ask: (store: TaskStore, shard: number) => Promise<T>): Promise<T[]> => Promise.all(shards.map(ask));
  const ofAgent = (agent: string): TaskStore => {
    const store = shards[shardOfAgent(agent, shards.length)];
    if (store === undefined) throw new Error("there is no shard");
    return store;
  };
  /** Undefined for an id of a shard that there is not, which no task has. */
  const ofTask = (id: string): TaskStore | undefined => shards[shardOfTask(id) ?? shards.length];
  const idsOfAll = async (ids: (store: TaskStore) => Promise<readonly string[]>): Promise<string[]> =>
    (await all(ids)).flat();

  return {
    now: async (id) => (ofTask(id) ?? first).now(id),
    earliestNow: async () => Math.min(...(await all((store) => store.earliestNow()))),

    enqueue: (task) => ofAgent(task.agent).enqueue(task),
    async enqueueAll(tasks) {
      const shardOf = tasks.map(({ agent }) => shardOfAgent(agent, shards.length));
      const answers = await all((store, shard) => store.enqueueAll(tasks.filter((_, i) => shardOf[i] === shard)));
      const inTurn = answers.map((ofShard) => ofShard.values());
      return shardOf.map((shard) => {
        const answer = inTurn[shard]?.next().value;
        if (answer === undefined) throw new Error("a shard did not answer for each task");
        return answer;
      });
    },
    move: async (task, ...rest) => ofTask(task.id)?.move(task, ...rest) ?? "missing",
    report: async (report) => ofTask(report.id)?.report(report) ?? "lost",
    remove: async (task) => ofTask(task.id)?.remove(task),

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
        unlisted: findings.flatMap(({ unlisted }) => unlisted),
        forgotten: findings.flatMap(({ forgotten }) => forgotten),
        holdMs: Math.max(...findings.map(({ holdMs }) => holdMs)),
        emergency: finding.emergency,
      };
    },

    noticeOutage: async (leaseMs) => void (await all((store) => store.noticeOutage(leaseMs))),
    claim: createShardedClaim(shards),

    find: async (id) => ofTask(id)?.find(id),
    findConfirmed: async (id, what) => ofTask(id)?.findConfirmed(id, what),
    findLeased: async (id, fence) => ofTask(id)?.findLeased(id, fence),
    async findAll(ids) {
      const found = await all((store, shard) => store.findAll(ids.filter((id) => shardOfTask(id) === shard)));
      const byId = new Map(found.flat().map((task) => [task.id, task]));
      return ids.flatMap((id) => byId.get(id) ?? []);
    },
    findPrompts: async (id) => ofTask(id)?.findPrompts(id),
    findResult: async (task) => ofTask(task.id)?.findResult(task),
    owners: () => idsOfAll((store) => store.owners()),
    listIds(agent, before, count) {
      const here = before && idInShard(before, shardOfAgent(agent, shards.length));
      return ofAgent(agent).listIds(agent, here, count);
    },
    // In all shards at once, so that what is accepted meanwhile is in none of them.
    async beginWalk(where) {
      const inAll = await all(async (store, shard) => ({ shard, at: await store.beginWalk(where) }));
      const meant =
        where.agent === undefined ? inAll : inAll.slice(shardOfAgent(where.agent, shards.length)).slice(0, 1);
      return encodeWalk(meant);
    },
    async candidates(where, count, cursor) {
      const [here, ...rest] = decodeWalk(cursor);
      if (here === undefined) throw new Error("there is no shard");
      const page = await (shards[here.shard] ?? first).candidates(where, count, here.at);
      const ahead = page.next === undefined ? rest : [{ ...here, at: page.next }, ...rest];
      const { asOf, found } = page;
      return { asOf, found, ...(ahead.length > 0 && { next: encodeWalk(ahead) }) };
    },
    readLog: async (id, ...rest) => ofTask(id)?.readLog(id, ...rest),

    overdueLeases: (count) => idsOfAll((store) => store.overdueLeases(count)),
    dueParked: (count) => idsOfAll((store) => store.dueParked(count)),
    dueAlarms: (count) => idsOfAll((store) => store.dueAlarms(count)),
    async nextDue(seen) {
      const answers = await all((store, shard) => store.nextDue(seen && [seen[shard] ?? 0]));
      const first = (kind: keyof NextDue["waits"]) => Math.min(...answers.map(({ waits }) => waits[kind]));
      return {
        seen: answers.flatMap((answer) => answer.seen),
        waits: { tasks: first("tasks"), gates: first("gates"), refills: first("refills") },
      };
    },
    expiredEnds: (...args) => idsOfAll((store) => store.expiredEnds(...args)),
    forgetExecutors: async (silentMs) => void (await all((store) => store.forgetExecutors(silentMs))),

    keepConfirmation: (...args) => first.keepConfirmation(...args),
    takeConfirmation: (name) => first.takeConfirmation(name),

    // What the first has is what holds, so that half a closing or half an opening is never taken for a whole one.
    gates: () => first.gates(),
    async closeGate(closing) {
      const gate = await first.closeGate(closing);
      await Promise.all(others.map((store) => store.closeGate({ ...COPY, scope: closing.scope, gate })));
      return gate;
    },
    async openGate(scope, by) {
      const opened = await first.openGate(scope, by);
      const copies = await Promise.all(others.map((store) => store.openGate(scope)));
      return opened || copies.includes(true);
    },

    emergency: () => first.emergency(),
    async raiseEmergency(stop, how) {
      const raised = await first.raiseEmergency(stop, how);
      await Promise.all(others.map((store) => store.raiseEmergency(raised, "copy")));
      return raised;
    },
    mendGates: () => mendGates(first, others),
    keepReceipt: (...args) => first.keepReceipt(...args),
    receipts: (id) => first.receipts(id),
    heldIds: () => idsOfAll((store) => store.heldIds()),

    openDueGates: async () => void (await all((store) => store.openDueGates())),
    adaptBound: async (...args) => void (await all((store) => store.adaptBound(...args))),
    unthrottleRefilled: async () => void (await all((store) => store.unthrottleRefilled())),
    unthrottle: async (agent) => void (await all((store) => store.unthrottle(agent))),
    mendRunning: async () => void (await all((store) => store.mendRunning())),
    blockedIds: (room) => idsOfAll((store) => store.blockedIds(room)),
    firstBlocked: async (id, reason) => ofTask(id)?.firstBlocked(id, reason),

    standing: (task) => ofAgent(task.agent).standing(task),
    rememberRun: async (task, run) => ofTask(task.id)?.rememberRun(task, run),
    async surroundings(task) {
      const own = shardOfAgent(task.agent, shards.length);
      const around = await all((store) => store.surroundings(task));
      const present = around[own];
      if (present === undefined) throw new Error("there is no shard");
      const others = around.filter((_, shard) => shard !== own);
      return joinSurroundings(present, others);
    },

    async mayOvertake(...args) {
      const counts = await all((store) => store.mayOvertake(...args));
      return counts.reduce((sum, each) => sum + each, 0);
    },
    depths: async () => sumDepths((await all((store) => store.depths())).flat()),
    async counts() {
      const counts = await all((store) => store.counts());
      const sum = (count: keyof Counts) => counts.reduce((total, each) => total + each[count], 0);
      const [leased, parked, scheduled] = [sum("leased"), sum("parked"), sum("scheduled")];
      return { leased, parked, scheduled, ended: sum("ended"), waitingBytes: sum("waitingBytes") };
    },
    // An agent is in one shard.
    async agentLoads(count) {
      const loads = await all((store) => store.agentLoads(count));
      return loads.flat().toSorted(byLoad).slice(0, count);
    },
    executors: async (seenWithinMs) => joinExecutors((await all((store) => store.executors(seenWithinMs))).flat()),
  };
}

/** How far a walk is in each shard that it has not gone through. */
type Walk = readonly { readonly shard: number; readonly at: Cursor }[];
const encodeWalk = (walk: Walk): Cursor => JSON.stringify(walk);
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only `encodeWalk` makes them
const decodeWalk = (cursor: Cursor): Walk => JSON.parse(cursor) as Walk;

/**
 * Grants from all shards. First what this very Sync was granted before, so that a repeated one is answered the same; then
 * urgent tasks that may overtake, wherever they are; then what each shard would start next. The shards take turns, for each
 * engine on its own: the one after the last that gave begins.
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
      // A shard's answer begins with what it granted before.
      const more = { ...claim, count: before.length + count, maxBytes: bytesOf(before) + maxBytes, early: false };
      const answer = (await shards[shard]?.claim(more)) ?? NOTHING;
      granted[shard] = answer;
      if (most === claim.count && grantsOf(answer).length > before.length) nextFirst.set(claim.engine, shard + 1);
    }
    if (granted.includes("stale")) return "stale";
    const answers = granted.flatMap((answer) => (typeof answer === "string" ? [] : [answer]));
    const waits = answers.flatMap(({ waitMs }) => waitMs ?? []);
    const kept = answers.find((answer) => answer.kept)?.kept;
    return {
      grants: answers.flatMap(({ grants }) =>
        grants.map((grant) => ({ ...grant, again: repeated.has(grant.task.id) })),
      ),
      left: answers.reduce((sum, { left }) => sum + left, 0),
      pins: answers.some(({ pins }) => pins),
      ...(waits.length > 0 && { waitMs: Math.min(...waits) }),
      ...(kept && { kept }),
    };
  };
}

type ClaimAnswer = Awaited<ReturnType<LeaseStore["claim"]>>;
const NOTHING: ClaimAnswer = { grants: [], left: 0, pins: false };
const grantsOf = (answer: ClaimAnswer | undefined = NOTHING): readonly Grant[] =>
  typeof answer === "string" ? [] : answer.grants;

const bytesOf = (grants: readonly Grant[]): number => grants.reduce((sum, { prompts }) => sum + prompts.byteLength, 0);

function sumDepths(depths: readonly Depth[]): Depth[] {
  const sums = new Map<string, Depth>();
  for (const depth of depths) {
    const place = `${depth.engine}/${depth.class}`;
    const sum = sums.get(place);
    const ages = [sum?.oldestAgeMs, depth.oldestAgeMs].filter((age) => age !== undefined);
    const oldestAgeMs = ages.length === 0 ? undefined : Math.max(...ages);
    sums.set(place, {
      ...{ ...depth, oldestAgeMs },
      waiting: depth.waiting + (sum?.waiting ?? 0),
      running: depth.running + (sum?.running ?? 0),
      parked: depth.parked + (sum?.parked ?? 0),
    });
  }
  return [...sums.values()];
}

function joinExecutors(views: readonly ExecutorView[]): ExecutorView[] {
  const joined = new Map<string, ExecutorView>();
  for (const view of views) {
    const other = joined.get(view.id);
    const latest = other && other.seenMs > view.seenMs ? other : view;
    joined.set(view.id, { ...latest, leases: view.leases + (other?.leases ?? 0) });
  }
  return [...joined.values()];
}
