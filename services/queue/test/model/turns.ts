import assert from "node:assert/strict";
import { MOST_AGEING, type Order, START_TARGET_MS } from "../../src/domain/order/order.js";
import { CLASSES, type PriorityClass } from "../../src/domain/task/task.js";

export interface Waiting {
  readonly id: string;
  readonly agent: string;
  readonly class: PriorityClass;
  readonly since: number;
}

/** A lease, and what the agent was charged for it until the use of its run is known. */
interface Leased extends Waiting {
  readonly charged: number;
}

/** Numbers that differ by less count as equal, because Redis rounds the number that it keeps. */
const NEARLY = 1e-6;

/**
 * The rule by which classes and agents take turns, word for word from docs/queue.md. It covers one engine and one lease
 * at a time, without caps, gates, labels and pins.
 */
export class ModelTurns {
  readonly waiting: Waiting[] = [];
  readonly leased = new Map<string, Leased>();
  private readonly credit = new Map<PriorityClass, number>();
  /**
   * For each class: its virtual time, and in `agents` the virtual times of the agents that have turns. Some of these
   * have nothing waiting.
   */
  private readonly time = new Map<PriorityClass, number>();
  private readonly agents = new Map<PriorityClass, Map<string, number>>(CLASSES.map((each) => [each, new Map()]));
  private cost: number | undefined;

  constructor(private readonly order: Order) {}

  add(task: Waiting): void {
    const times = this.timesOf(task.class);
    const comes = !this.waiting.some((other) => other.class === task.class && other.agent === task.agent);
    if (comes) times.set(task.agent, Math.max(times.get(task.agent) ?? 0, this.time.get(task.class) ?? 0));
    this.waiting.push(task);
  }

  /**
   * A waiting task ends at once, and its agent keeps its turns. A leased task stays with its executor until the run
   * ends.
   */
  cancel(id: string): void {
    const at = this.waiting.findIndex((each) => each.id === id);
    if (at >= 0) this.waiting.splice(at, 1);
  }

  /** Checks that this is the lease that the rule gives next. */
  lease(id: string, now: number): void {
    const task = this.waiting.find((each) => each.id === id) ?? assert.fail(`${id} does not wait`);
    this.checkClass(task, now);
    this.checkAgent(task);
    const older = this.waiting.filter((each) => each.class === task.class && each.agent === task.agent);
    const oldest = older.toSorted((a, b) => a.since - b.since || (a.id < b.id ? -1 : 1))[0];
    assert.equal(task.id, oldest?.id, "an agent's oldest task comes first");
    this.waiting.splice(this.waiting.indexOf(task), 1);
    const charged = this.cost ?? 1;
    this.charge(task, charged);
    this.leased.set(id, { ...task, charged });
  }

  /**
   * `used`: tokens of the run; undefined when they are not known. A lease whose run never started is charged nothing.
   */
  end(id: string, used: number | undefined, started: boolean): void {
    const task = this.leased.get(id) ?? assert.fail(`${id} is not leased`);
    this.leased.delete(id);
    const due = started ? used : 0;
    if (due !== undefined) this.charge(task, due - task.charged);
    if (used !== undefined) this.cost = (this.cost ?? used) + (used - (this.cost ?? used)) / 10;
  }

  private checkClass(task: Waiting, now: number): void {
    const urgent = [...this.leased.values()].filter((each) => each.class === "urgent").length;
    if (urgent < this.order.urgentMax && this.waiting.some((each) => each.class === "urgent")) {
      return assert.equal(task.class, "urgent", "urgent overtakes while fewer than its limit run");
    }
    const shares = new Map<PriorityClass, number>();
    for (const each of CLASSES) {
      const oldest = Math.min(...this.waiting.filter(({ class: of }) => of === each).map(({ since }) => since));
      const age = Math.max(0, now - oldest) / START_TARGET_MS[each];
      if (oldest < Number.POSITIVE_INFINITY)
        shares.set(each, this.order.weights[each] * Math.min(1 + age, MOST_AGEING));
    }
    const sum = [...shares.values()].reduce((total, share) => total + share, 0);
    for (const each of CLASSES) {
      const share = shares.get(each);
      this.credit.set(each, share === undefined ? 0 : (this.credit.get(each) ?? 0) + share / sum);
    }
    const most = Math.max(...[...shares.keys()].map((each) => this.credit.get(each) ?? 0));
    const mine = this.credit.get(task.class) ?? 0;
    assert.ok(mine > most - NEARLY, `${task.class} has the most credit: ${JSON.stringify([...this.credit])}`);
    this.credit.set(task.class, mine - 1);
  }

  private checkAgent(task: Waiting): void {
    const times = this.timesOf(task.class);
    const mine = times.get(task.agent) ?? assert.fail(`${task.agent} has no turn`);
    for (const [agent, time] of times) {
      if (agent === task.agent || time > mine + NEARLY) continue;
      const waits = this.waiting.some((each) => each.class === task.class && each.agent === agent);
      if (waits) assert.ok(time > mine - NEARLY, `${agent} was next, at ${time}, not ${task.agent}, at ${mine}`);
      // The other agent was passed by and has nothing waiting, so it gives up its turn.
      else if (time < mine - NEARLY) times.delete(agent);
    }
    this.time.set(task.class, Math.max(this.time.get(task.class) ?? 0, mine));
  }

  private charge({ class: priority, agent }: Waiting, tokens: number): void {
    const times = this.timesOf(priority);
    const from = times.get(agent) ?? this.time.get(priority) ?? 0;
    times.set(agent, from + tokens / (this.order.agentWeights[agent] ?? 1));
  }

  private timesOf(priority: PriorityClass): Map<string, number> {
    return this.agents.get(priority) ?? assert.fail(priority);
  }
}
