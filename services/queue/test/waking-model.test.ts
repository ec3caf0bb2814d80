import assert from "node:assert/strict";
import { eventually } from "@ccsp/testkit";
import * as fc from "fast-check";
import { scopeName } from "../src/domain/gates/scope.js";
import { CLASSES, type Task } from "../src/domain/task/task.js";
import { decodeTask } from "../src/redis/decode.js";
import { queueKeys } from "../src/redis/keys.js";
import { scopes } from "./scopes.js";
import { executor, newTask, startWorld, type World } from "./world.js";

const SEED = Number(process.env["CCSP_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const ENGINE = "claude-code";
const LOGINS = ["a", "b"];
const GATES = [
  scopes.all,
  scopes.account(ENGINE, "a"),
  scopes.account(ENGINE, "b"),
  scopes.executor("ex-0", ENGINE),
  scopes.executor("ex-3", ENGINE),
];

/** An executor that waits at one of the replicas all the time, except while it is cut off. */
class Player {
  readonly calls: ReturnType<typeof executor>;
  readonly account: string;
  private stop = new AbortController();
  private running: Promise<void> = Promise.resolve();
  isThere = false;

  constructor(
    private readonly replicas: readonly World[],
    private readonly index: number,
  ) {
    this.account = LOGINS[index % LOGINS.length] ?? "";
    const sync: World["sync"] = (...args) => this.replica.sync(...args);
    this.calls = executor({ sync }, { id: this.id, slots: this.slots, account: this.account });
  }

  get id(): string {
    return `ex-${this.index}`;
  }
  get slots(): number {
    return 1 + (this.index % 3);
  }
  private at = 0;
  get replica(): World {
    return this.replicas[this.at % this.replicas.length] ?? assert.fail("there is no replica");
  }

  /** Calls again when it got an answer, and when a slot has become free, as executors do. */
  connect(at: number): void {
    this.at = at;
    this.isThere = true;
    this.stop = new AbortController();
    const { signal } = this.stop;
    const run = async (): Promise<void> => {
      while (!signal.aborted) await this.calls.sync({ maxWaitMs: 20_000, signal });
    };
    this.running = run();
  }

  async cut(): Promise<void> {
    this.isThere = false;
    this.stop.abort();
    await this.running;
  }

  async endOne(how: "complete" | "release"): Promise<void> {
    const [lease] = this.calls.held;
    if (lease === undefined) return;
    const [id, fence] = lease;
    const { queue } = this.replica;
    if (how === "complete") await queue.complete(id, Number(fence), Buffer.from(""), {});
    else await queue.release(id, Number(fence), "");
    const wasThere = this.isThere;
    await this.cut();
    this.calls.held.delete(id);
    if (wasThere) this.connect(this.at);
  }
}

const step = fc.record({
  op: fc.constantFrom(
    "enqueue",
    "enqueue",
    "batch",
    "pin",
    "complete",
    "complete",
    "release",
    "cut",
    "connect",
    "gate",
    "gate",
  ),
  n: fc.nat(999),
});

/** They check again only when they are woken. So nothing makes up for a lost wake-up. */
describe("executors that wait for work", () => {
  it("leave no task that they may take, in any sequence of events at two replicas", async () => {
    const one = await startWorld({ onlyWoken: true });
    const other = await startWorld({ server: one.server, onlyWoken: true });
    const property = fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 30, size: "max" }), (steps) =>
      play([one, other], steps),
    );
    try {
      await fc.assert(property, { seed: SEED, numRuns: 20, interruptAfterTimeLimit: 60_000, endOnFailure: true });
    } finally {
      await other.close();
      await one.close();
    }
  }).timeout(90_000);
});

async function play(replicas: readonly [World, World], steps: readonly { op: string; n: number }[]): Promise<void> {
  const [one] = replicas;
  await one.reset();
  const closed = new Set<string>();
  const players = Array.from({ length: 6 }, (_, i) => new Player(replicas, i));
  for (const [i, player] of players.entries()) player.connect(i);
  try {
    for (const { op, n } of steps) {
      await act(op, n, { replicas, players, closed });
      await eventually(async () => assert.deepEqual(await left(one, players, closed), [], `after ${op} ${n}`));
    }
  } finally {
    await Promise.all(players.map((player) => player.cut()));
  }
}

interface Scene {
  readonly replicas: readonly [World, World];
  readonly players: readonly Player[];
  readonly closed: Set<string>;
}

async function act(op: string, n: number, { replicas, players, closed }: Scene): Promise<void> {
  const world = replicas[n % 2] ?? replicas[0];
  // The player does not depend on the part of `n` that picks the replica. So a task for one executor is accepted at the
  // replica where that executor waits, and at the other.
  const player = players[(n >> 1) % players.length] ?? assert.fail("there is no player");
  const task = (i = n) => newTask({ agent: `agent-${i % 3}`, class: CLASSES[i % 4] ?? "low" });
  switch (op) {
    case "enqueue":
      return void (await world.queue.enqueue(task()));
    case "batch":
      return void (await world.queue.enqueueAll(Array.from({ length: 1 + (n % 9) }, (_, i) => task(i))));
    case "pin":
      return void (await world.queue.enqueue({ ...task(), conditions: { pin: player.id } }));
    case "complete":
    case "release":
      return player.endOne(op);
    case "cut":
      return player.cut();
    case "connect":
      await player.cut();
      return player.connect(n);
    default: {
      const scope = GATES[n % GATES.length] ?? scopes.all;
      if (closed.delete(scopeName(scope))) return void (await world.gates.resume(scope, { who: "w", why: "" }));
      closed.add(scopeName(scope));
      await world.gates.pause(scope, { who: "w", why: "y" });
    }
  }
}

/** The tasks that wait although a waiting executor may take them. */
async function left(world: World, players: readonly Player[], closed: ReadonlySet<string>): Promise<string[]> {
  const records = await world.redis.client.hgetall(queueKeys(0).tasks);
  const tasks = Object.entries(records).map(([id, record]) => decodeTask(id, record));
  const idle = players.filter(({ isThere, calls, slots }) => isThere && calls.held.size < slots);
  const mayTake = ({ id, account }: Player, { pin }: Task): boolean =>
    (pin === undefined || pin === id) &&
    ![scopes.all, scopes.account(ENGINE, account), scopes.executor(id, ENGINE)].some((scope) =>
      closed.has(scopeName(scope)),
    );
  return tasks
    .filter((task) => task.state === "QUEUED" && idle.some((player) => mayTake(player, task)))
    .map(({ id }) => id);
}
