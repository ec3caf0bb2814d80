import assert from "node:assert/strict";
import { Refusal } from "@ccsp/errors";
import { reap } from "../../src/domain/due/reaper.js";
import { createGates } from "../../src/domain/gates/gate-keeper.js";
import { scopeName } from "../../src/domain/gates/scope.js";
import type { NewTask } from "../../src/domain/intake/intake-store.js";
import { createSync } from "../../src/domain/leases/sync.js";
import { type Bulk, createBulk } from "../../src/domain/search/bulk.js";
import type { Counts } from "../../src/domain/search/change-all.js";
import { ANY_TASK } from "../../src/domain/search/filter.js";
import { asAgent, OPERATOR } from "../../src/domain/task/caller.js";
import { labelName } from "../../src/domain/task/labels.js";
import { shardOfAgent } from "../../src/domain/task/shard.js";
import { CLASSES, type State } from "../../src/domain/task/task.js";
import { GATE_NAMES } from "../../src/messages/words.js";
import { scopes } from "../scopes.js";
import { ENGINES, executor, failure, LEASE_MS, NOBODY, newTask, queueOver, RAMP_MS, type World } from "../world.js";
import { type Claimer, checkGrants, checkNothingLeft } from "./claims.js";
import { crashingStore, type Done, isCrash } from "./crashing.js";
import { ModelGates } from "./gates.js";
import type { Step } from "./steps.js";
import * as model from "./tasks.js";

// In three of four shards.
const AGENTS = ["alice", "bob", "carol"];
const EXECUTORS = ["ex-1", "ex-2", "ex-3"];
export const SCOPES = [
  scopes.all,
  scopes.class("high"),
  scopes.engine("claude-code"),
  scopes.agent("alice"),
  scopes.label("k", "0"),
  scopes.account("claude-code", ""),
];
/** A cap on everything that can have one. */
export const CAPS = { agentMaxRunning: 2, labelMaxRunning: { k: 1 } };
export const BOUNDS = { agent: { tasks: 12, bytes: 0 } };
export const KEEP = { retentionMs: 1e9, maxEnded: 1_000, maxEndedBytes: 1e12 };

const NEVER = new AbortController().signal;
const STATES_MEANT = [[], ["QUEUED"], ["PARKED", "SCHEDULED"], ["LEASED", "RUNNING"], ["QUEUED", "FAILED"]] as const;
const byAgent = (counts: Counts): object => Object.fromEntries(counts);
const agentsOf = (tasks: readonly model.ModelTask[]): object => {
  const counts = new Map<string, number>();
  for (const { agent } of tasks) counts.set(agent, (counts.get(agent) ?? 0) + 1);
  return byAgent(counts);
};

const FAILURES = {
  fail: failure("NETWORK_ERROR"),
  limit: failure("RATE_LIMIT", { retryAfterMs: LEASE_MS }),
  window: failure("USAGE_WINDOW"),
  // The first names a time that is sooner than any back-off. The second names a window that has opened by now.
  "named window": failure("USAGE_WINDOW", { retryAfterMs: LEASE_MS }),
  "open window": failure("USAGE_WINDOW", { retryAfterMs: 0 }),
  overload: failure("OVERLOADED"),
  crash: failure("ENGINE_CRASH"),
  login: failure("SESSION_TIMEOUT", { retryable: false }),
  refuse: failure("INVALID_REQUEST", { retryable: false }),
} as const;

/** The queue's knowledge of an executor. */
interface Known extends Claimer {
  boot: string;
  sequence: bigint;
  /** When its newest call came. */
  seen: number;
  readonly retired: Set<string>;
}

interface SyncHow {
  /** Absent: the next sequence. */
  readonly sequence?: bigint;
  readonly crash?: number;
  /** A round of the reaper came just before. */
  readonly fresh?: boolean;
  /** The executor never gets the answer. */
  readonly answerLost?: boolean;
}

interface Player {
  readonly id: string;
  readonly boot: string;
  readonly engine: string;
  readonly calls: ReturnType<typeof executor>;
}

/** Applies each step to the queue and to a plain model of it, and compares their answers. */
export class Play {
  readonly tasks = new Map<string, model.ModelTask>();
  /** One for each shard. */
  private readonly gates: readonly ModelGates[];
  private readonly players: Player[];
  private readonly known = new Map<string, Known>();
  private readonly requests: { readonly task: NewTask; readonly id: string }[] = [];
  private readonly spent: { readonly id: string; readonly fence: number }[] = [];
  private readonly reports = new Map<string, number>();
  private boots = 0;
  /** The time of the last round of the reaper. Undefined after any other step. */
  private reaped: number | undefined;

  private readonly bulk: Bulk;

  constructor(private readonly world: World) {
    this.bulk = createBulk(world);
    this.gates = Array.from({ length: world.shards }, () => new ModelGates());
    this.players = EXECUTORS.map((id) => this.boot(id));
  }

  /** The events about gates, as the shard that writes them has them. */
  get told(): readonly string[] {
    return this.gates[0]?.told ?? [];
  }

  async step({ op, n, crash }: Step): Promise<void> {
    const { world, tasks } = this;
    const [at, now] = [n % EXECUTORS.length, world.clock.now];
    const task = [...tasks.values()][n % Math.max(tasks.size, 1)];
    const scope = SCOPES[n % SCOPES.length] ?? scopes.all;
    const player = this.players[at] ?? this.boot("");
    const fresh = this.reaped === now;
    if (op !== "sync") this.reaped = undefined;
    switch (op) {
      case "enqueue":
        return this.enqueue([this.anyTask(n)]);
      case "batch":
        return this.enqueue(Array.from({ length: 1 + (n % 5) }, (_, i) => this.anyTask(n * 5 + i)));
      case "schedule":
        return this.enqueue([{ ...this.anyTask(n), start: now + (n % 3) * LEASE_MS }]);
      case "pin":
        return this.enqueue([{ ...this.anyTask(n), conditions: { pin: player.id, pinMs: (n % 3) * LEASE_MS } }]);
      case "hurry":
        return this.enqueue([{ ...this.anyTask(n), conditions: { deadline: now + (n % 3) * LEASE_MS } }]);
      case "ask again":
        return this.askAgain(n);
      case "sync":
        return this.sync(player, { fresh, ...(crash !== undefined && { crash }) });
      case "lost sync":
        return this.sync(player, { answerLost: true });
      case "sync again":
        return this.sync(player, { sequence: this.known.get(player.id)?.sequence ?? 1n });
      case "old sync":
        return this.sync(player, { sequence: 1n });
      case "reboot":
        this.players[at] = this.boot(player.id);
        return;
      case "forget":
        return this.withLease(n, async () => undefined);
      case "start":
      case "report":
        return this.withLease(n, (id, fence) => this.report(id, fence, op === "start"), true);
      case "complete":
        return this.withLease(n, (id, fence) => this.complete(id, fence, n));
      case "release":
        return this.withLease(n, (id, fence) => this.release(id, fence));
      case "zombie":
        return this.zombie(n);
      case "cancel":
        if (task) await this.cancel(task);
        return;
      case "retry":
        if (task) await this.retry(task);
        return;
      case "priority":
        if (task) await this.setPriority(task, n);
        return;
      case "pause": {
        const opens = n % 2 ? { opensMs: now + LEASE_MS } : {};
        await world.gates.pause(scope, { who: "w", why: "y", ...opens });
        for (const gates of this.gates) gates.pause(scopeName(scope), "w", now, opens.opensMs);
        return;
      }
      case "resume":
        await world.gates.resume(scope, { who: "w", why: "" });
        for (const gates of this.gates) gates.resume(scopeName(scope), now);
        return;
      case "reap":
        return this.reap(crash);
      case "count":
        return this.count(n);
      case "clear":
        return this.clear(n);
      case "wait":
        world.clock.now += Math.max(0, (n % 5) * (LEASE_MS / 3) - (n % 3) * 1_000);
        return;
      case "set back":
        world.clock.now -= n * 10;
        return;
      case "fail":
      case "limit":
      case "window":
      case "named window":
      case "open window":
      case "overload":
      case "crash":
      case "login":
      case "refuse":
        return this.withLease(n, (id, fence) => this.fail(id, fence, FAILURES[op], crash));
    }
  }

  private boot(id: string): Player {
    const engine = ENGINES[id === "ex-3" ? 1 : 0];
    const boot = `boot-${++this.boots}`;
    return { id, boot, engine, calls: executor(this.world, { id, boot, engine, slots: 2 }) };
  }

  private anyTask(n: number): NewTask {
    const { shards } = this.world;
    return {
      ...newTask({ agent: AGENTS[n % 3] ?? "", class: CLASSES[n % 4] ?? "low", max: 1 + (n % 3) }, shards),
      engine: ENGINES[n % 7 === 6 ? 1 : 0],
      ...(n % 5 < 2 && { labels: [labelName("k", String(n % 2))] }),
      request: { id: `request-${this.requests.length}-${n}`, hash: "hash" },
    };
  }

  private async enqueue(batch: readonly NewTask[]): Promise<void> {
    const answers = await Promise.allSettled(batch.map((task) => this.world.queue.enqueue(task)));
    for (const [i, task] of batch.entries()) {
      const answer = answers[i];
      const waiting = [...this.tasks.values()].filter((other) => other.agent === task.agent && model.waits(other));
      if (waiting.length >= BOUNDS.agent.tasks) {
        assert.ok(
          answer?.status === "rejected" && isRefusal(answer.reason, "QUEUE_FULL"),
          "the agent is above its limit",
        );
        continue;
      }
      assert.ok(answer?.status === "fulfilled", "the agent is below its limit");
      this.tasks.set(task.id, model.accept(task, this.world.clock.now));
      this.requests.push({ task, id: task.id });
    }
  }

  /** Repeats a request, as a client does, and sends another payload with its request id. */
  private async askAgain(n: number): Promise<void> {
    const before = this.requests[n % Math.max(this.requests.length, 1)];
    if (!before) return;
    const { task, id } = before;
    const again = { ...task, id: newTask({ agent: task.agent }, this.world.shards).id };
    assert.equal((await this.world.queue.enqueue(again)).task.id, id);
    const other = { ...again, request: { id: task.request?.id ?? "", hash: "another" } };
    await expectRefusal(this.world.queue.enqueue(other), "REQUEST_ID_CONFLICT");
  }

  private async withLease(n: number, act: (id: string, fence: number) => Promise<unknown>, keeps = false) {
    const leases = this.players.flatMap(({ calls: { held } }) =>
      [...held].map(([id, fence]) => ({ held, id, fence: Number(fence) })),
    );
    const lease = leases[n % Math.max(leases.length, 1)];
    if (lease === undefined) return;
    await act(lease.id, lease.fence);
    if (keeps) return;
    lease.held.delete(lease.id);
    this.spent.push(lease);
  }

  private async report(id: string, fence: number, started: boolean): Promise<void> {
    const number = (this.reports.get(`${id} ${fence}`) ?? 0) + 1;
    this.reports.set(`${id} ${fence}`, number);
    const entries = [Buffer.from(`${fence}/${number}`)];
    const report = { id, fence, number, entries, ...(started && { started: { traceparent: "" } }) };
    const [task, answer] = [this.tasks.get(id), this.world.queue.report(report)];
    if (!model.holds(task, fence)) return expectRefusal(answer, "LEASE_LOST");
    await answer;
    if (started) model.start(task);
  }

  private async complete(id: string, fence: number, tokens: number): Promise<void> {
    const [task, answer] = [this.tasks.get(id), this.world.queue.complete(id, fence, Buffer.from("r"), { tokens })];
    if (task?.settled === `${fence} complete`) return void (await answer);
    if (!model.takesResult(task, fence)) return expectRefusal(answer, "LEASE_LOST");
    await answer;
    model.complete(task);
  }

  private async fail(id: string, fence: number, error: (typeof FAILURES)["fail"], crash?: number): Promise<void> {
    const task = this.tasks.get(id);
    if (crash !== undefined) {
      const { queue, settled } = this.replica(crash);
      await queue.fail(id, fence, error, {}).catch(unlessCrash("LEASE_LOST"));
      // A replica that lives repeats the call below.
      const { calls, moves } = await settled();
      if (model.holds(task, fence))
        this.failed(task, error, { closes: calls.includes("closeGate"), moves: moves.length > 0 });
    }
    const answer = this.world.queue.fail(id, fence, error, {});
    if (task?.settled === `${fence} fail`) {
      const told = ["PARKED", "QUEUED", "FAILED", "CANCELLED"].includes(task.state) ? task.state : "PARKED";
      return assert.equal(await answer, told);
    }
    if (!model.holds(task, fence)) return expectRefusal(answer, "LEASE_LOST");
    this.failed(task, error, { closes: true, moves: true });
    assert.equal(await answer, task.state);
  }

  private failed(
    task: model.ModelTask,
    error: (typeof FAILURES)["fail"],
    { closes, moves }: { closes: boolean; moves: boolean },
  ): void {
    const now = this.world.clock.now;
    const ready = model.readyAfter(task, error, now);
    for (const gates of closes ? this.gates : []) gates.afterFailure(task, error, now, ready);
    for (const { bounded } of error.category === "OVERLOADED" ? this.gates : []) bounded.add(task.engine);
    if (moves) model.fail(task, error, now);
  }

  private async release(id: string, fence: number): Promise<void> {
    const [task, answer] = [this.tasks.get(id), this.world.queue.release(id, fence, "draining")];
    if (task?.settled === `${fence} release`) return answer;
    if (!model.holds(task, fence)) return expectRefusal(answer, "LEASE_LOST");
    await answer;
    model.release(task);
  }

  /** An executor continues with a lease that it gave up or lost. */
  private async zombie(n: number): Promise<void> {
    const old = this.spent[n % Math.max(this.spent.length, 1)];
    if (!old) return;
    if (n % 3 === 0) return this.complete(old.id, old.fence, n);
    return n % 3 === 1 ? this.release(old.id, old.fence) : this.fail(old.id, old.fence, FAILURES.fail);
  }

  private async cancel(task: model.ModelTask): Promise<void> {
    const answer = await this.world.queue.cancel(task.id, asAgent(task.agent), "enough");
    model.cancel(task);
    assert.equal(answer.task.state, task.state);
  }

  private async retry(task: model.ModelTask): Promise<void> {
    const answer = this.world.queue.retry(task.id, asAgent(task.agent), "");
    const waiting = [...this.tasks.values()].filter((other) => other.agent === task.agent && model.waits(other));
    const room = waiting.length < BOUNDS.agent.tasks;
    if (!room && model.failed(task)) return expectRefusal(answer, "QUEUE_FULL");
    if (model.revive(task)) await answer;
    else await expectRefusal(answer, "TASK_NOT_FAILED");
  }

  private async setPriority(task: model.ModelTask, n: number): Promise<void> {
    const priority = CLASSES[n % 4] ?? "low";
    await this.world.queue.setPriority(task.id, OPERATOR, priority);
    model.setPriority(task, priority);
  }

  /** Counts by a filter of some states, a class or an agent. */
  private async count(n: number): Promise<void> {
    const states: readonly State[] = STATES_MEANT[n % STATES_MEANT.length] ?? [];
    const [priority, agent] = [CLASSES[n % 6], AGENTS[n % 7]];
    const filter = { ...ANY_TASK, states, classes: priority ? [priority] : [], ...(agent !== undefined && { agent }) };
    const meant = this.meant((task) => {
      const isOne = states.length === 0 || states.includes(task.state);
      return isOne && (!priority || task.class === priority) && (agent === undefined || task.agent === agent);
    });
    const open = meant.filter((task) => model.held(task) || model.waits(task));
    const failed = meant.filter(({ state }) => state === "FAILED" || state === "EXPIRED");
    const [cancelled, retried] = await Promise.all([
      this.bulk.cancel({ filter, reason: "", dryRun: true }, NEVER),
      this.bulk.retry({ filter, reason: "", dryRun: true }, NEVER),
    ]);
    assert.deepEqual([byAgent(cancelled.matched), byAgent(retried.matched)], [agentsOf(open), agentsOf(failed)]);
  }

  private async clear(n: number): Promise<void> {
    const what = { class: CLASSES[n % 4] ?? "low", ...(n % 3 === 0 && { agent: AGENTS[n % 2] ?? "" }) };
    const { clock } = this.world;
    const meant = this.meant((task) => {
      const isTheirs = !("agent" in what) || task.agent === what.agent;
      return isTheirs && model.waits(task) && task.class === what.class && task.created < clock.now;
    });
    const { counts, token } = await this.bulk.prepareClear(what, NEVER);
    const cleared = await this.bulk.clear(what, { token, reason: "enough" }, NEVER);
    assert.deepEqual([byAgent(counts), byAgent(cleared)], [agentsOf(meant), agentsOf(meant)]);
    for (const task of meant) model.cancel(task);
  }

  /**
   * The picked tasks, without those that were accepted later than the clock says now. These exist when the clock was
   * set back.
   */
  private meant(pick: (task: model.ModelTask) => boolean): model.ModelTask[] {
    return [...this.tasks.values()].filter((task) => task.created <= this.world.clock.now && pick(task));
  }

  private async reap(crash?: number): Promise<void> {
    const { world, tasks } = this;
    const now = world.clock.now;
    if (crash === undefined) {
      await reap(world, KEEP);
      for (const due of model.DUE) for (const task of tasks.values()) model.pass(task, due, now);
      for (const gates of this.gates) gates.forget(now);
      this.reaped = now;
      return;
    }
    const { settled, ...replica } = this.replica(crash);
    await reap(replica, KEEP).catch(unlessCrash());
    const { moves, calls } = await settled();
    for (const { id, move } of moves) {
      const task = tasks.get(id);
      if (task && move.due) model.pass(task, move.due, now);
    }
    for (const gates of calls.includes("openDueGates") ? this.gates : []) gates.forget(now);
  }

  private async sync(player: Player, { sequence, crash, fresh = false, answerLost = false }: SyncHow): Promise<void> {
    const request = player.calls.request(sequence === undefined ? {} : { sequence });
    const replica = this.replica(crash ?? Number.POSITIVE_INFINITY);
    const { sync } = replica;
    const stale = this.isStale(player, request.sequence);
    const answer = await sync(request, new AbortController().signal).catch(unlessCrash("SYNC_STALE"));
    const done = await replica.settled();
    if (!done.calls.includes("sync")) return;
    assert.equal(stale && answer !== undefined, false, "an old call is refused");
    if (stale) return;
    const expected = this.heartbeat(player, request);
    const freed = expected.unlisted.filter((id) => done.moves.some((moved) => moved.id === id));
    for (const id of freed) model.lose(this.tasks.get(id) ?? assert.fail(id));
    this.granted(player, done);
    if (answer === undefined) return assert.ok(crash !== undefined, "it is answered");
    assert.deepEqual(freed.toSorted(), expected.unlisted.toSorted(), "a lease that it does not have is given back");
    assert.deepEqual([...answer.lost].toSorted(), expected.lost.toSorted());
    assert.deepEqual(answer.cancelled.map(({ id }) => id).toSorted(), expected.cancelled.toSorted());
    if (answerLost) return;
    for (const id of answer.lost) player.calls.held.delete(id);
    for (const { task, fence } of answer.grants) player.calls.held.set(task.id, BigInt(fence));
    const full = answer.grants.length >= (request.offers[0]?.freeSlots ?? 0);
    if (fresh && !full) this.ofShards((claimWorld) => checkNothingLeft(claimWorld, this.claimer(player)));
  }

  private isStale({ id, boot }: Player, sequence: bigint): boolean {
    const known = this.known.get(id);
    if (known === undefined || this.world.clock.now - known.seen > LEASE_MS) return false;
    return known.retired.has(boot) || (known.boot === boot && sequence < known.sequence);
  }

  /** What a Sync means for the leases that its executor lists and does not list. */
  private heartbeat({ id, boot, engine }: Player, { sequence, held }: ReturnType<Player["calls"]["request"]>) {
    const seen = this.world.clock.now;
    const known = this.known.get(id) ?? { id, boot, engine, sequence, seen, granted: new Set(), retired: new Set() };
    this.known.set(id, known);
    if (boot !== known.boot) known.retired.add(known.boot);
    if (boot !== known.boot || sequence !== known.sequence) known.granted.clear();
    known.retired.delete(boot);
    Object.assign(known, { boot, sequence, seen });
    const [lost, cancelled, listed]: [string[], string[], Set<string>] = [[], [], new Set()];
    for (const lease of held) {
      const task = this.tasks.get(lease.id);
      if (!model.holds(task, Number(lease.fence)) || task.executor !== id || task.boot !== boot) {
        lost.push(lease.id);
        continue;
      }
      listed.add(lease.id);
      task.expires = this.world.clock.now + LEASE_MS;
      if (task.state === "CANCELLING") cancelled.push(lease.id);
    }
    const unlisted = [...this.tasks.values()].filter(
      (task) => model.held(task) && task.executor === id && !listed.has(task.id) && !known.granted.has(task.id),
    );
    return { lost, cancelled, unlisted: unlisted.map((task) => task.id) };
  }

  private granted(player: Player, { grants }: Done): void {
    const claimer = this.claimer(player);
    // A claim over several shards returns a repeated grant more than once.
    this.ofShards((claimWorld, shard) => {
      const seen = new Set<number>();
      const here = grants.filter(
        ({ task, fence }) => task.id.startsWith(`${shard}-`) && seen.size < seen.add(fence).size,
      );
      checkGrants(claimWorld, claimer, here);
    });
  }

  private claimer({ id }: Player): Claimer {
    return this.known.get(id) ?? assert.fail(`${id} never called`);
  }

  private ofShards(check: (world: Parameters<typeof checkGrants>[0], shard: number) => void): void {
    const { clock, order, shards } = this.world;
    for (let shard = 0; shard < shards; shard++) {
      const tasks = [...this.tasks.values()].filter(({ agent }) => shardOfAgent(agent, shards) === shard);
      const gates = this.gates[shard] ?? assert.fail("there is no such shard");
      check({ now: clock.now, order, gates, tasks }, shard);
    }
  }

  /** A replica that dies after this many calls of the store. */
  private replica(calls: number) {
    const { order, waitingExecutors, stopping, limits } = this.world;
    const { store, settled } = crashingStore(this.world.store, calls);
    const gates = createGates(store, { rampMs: RAMP_MS, names: GATE_NAMES });
    const { queue, moves } = queueOver({ store, gates, limits });
    const options = { leaseMs: LEASE_MS, engines: ENGINES, order: () => order, stopping: stopping.signal };
    return {
      store,
      queue,
      moves,
      sync: createSync({ store, queue, waitingExecutors, observer: NOBODY }, options),
      settled,
    };
  }
}

const isRefusal = (error: unknown, reason: string): boolean => error instanceof Refusal && error.reason === reason;

async function expectRefusal(answer: Promise<unknown>, reason: string): Promise<void> {
  await assert.rejects(answer, { reason });
}

const unlessCrash =
  (...reasons: readonly string[]) =>
  (error: unknown): undefined => {
    if (!isCrash(error) && !reasons.some((reason) => isRefusal(error, reason))) throw error;
  };
