import type { GatesByName } from "../gates/gates.js";
import type { PriorityClass, Task } from "../task/task.js";
import type { RunTime } from "./run-times.js";

/** A task that waits, or one that could. */
export type Waiting = Pick<Task, "id" | "agent" | "engine" | "class" | "state" | "created"> &
  Partial<Pick<Task, "since" | "labels" | "pin" | "pinMs" | "ready" | "error">>;

/** What a task meets in its own shard, as a claim counts it there. Times are ms since 1970. */
export interface Standing {
  readonly nowMs: number;
  readonly gates: GatesByName;
  /** How many runs a login of the engine may have at once since its provider was overloaded. */
  readonly bounds: ReadonlyMap<string, number>;
  /** How many run, by what caps count: `agent/<id>`, `urgent/<engine>`, `label/<name>`, `account/<engine>/<login>`. */
  readonly running: ReadonlyMap<string, number>;
  /** Rate limits that were used, by `requests` or `tokens`, then `/engine/` or `/agent/` and its name. */
  readonly buckets: ReadonlyMap<string, { readonly level: number; readonly timeMs: number }>;
  /** Tokens of a run of the engine on average. */
  readonly cost: number;
  readonly classes: Readonly<Record<PriorityClass, ClassQueue>>;
  /** Agents of its class by virtual time, the next first; of very many only the first. */
  readonly turns: readonly AgentTurn[];
  /** The virtual time at which its agent takes its next turn. */
  readonly turnTime: number;
  /** Waiting tasks of its agent, engine and class that are older. */
  readonly aheadOfAgent: number;
}

export interface ClassQueue {
  readonly waiting: number;
  readonly oldestMs: number | undefined;
  /** In the round of turns between classes. */
  readonly credit: number;
}

export interface AgentTurn {
  readonly agent: string;
  readonly time: number;
  readonly waiting: number;
}

/** What a task meets anywhere. */
export interface Surroundings {
  /** That offer its engine and called lately. */
  readonly executors: readonly ExecutorSlots[];
  /** Waiting tasks of its engine and class that are older. */
  readonly aheadInClass: number;
  /** Waiting tasks of its engine in this shard, and in each other one. */
  readonly waiting: EngineQueue;
  readonly elsewhere: readonly EngineQueue[];
  /** Of its engine, lately. */
  readonly runs: readonly RunTime[];
}

export interface ExecutorSlots {
  readonly id: string;
  readonly account: string;
  readonly slots: number;
  /** When each run of the engine that it holds was leased. */
  readonly held: readonly number[];
  readonly draining: boolean;
}

export interface EngineQueue {
  readonly urgent: number;
  readonly others: number;
}

export interface Situation {
  readonly here: Standing;
  readonly around: Surroundings;
}

/** Every executor calls all shards, and holds leases in each. */
export function joinSurroundings(own: Surroundings, others: readonly Surroundings[]): Surroundings {
  const all = [own, ...others];
  const executors = new Map<string, ExecutorSlots>();
  for (const each of all.flatMap((one) => one.executors)) {
    const held = [...each.held, ...(executors.get(each.id)?.held ?? [])];
    executors.set(each.id, { ...each, held });
  }
  return {
    executors: [...executors.values()],
    aheadInClass: all.reduce((sum, { aheadInClass }) => sum + aheadInClass, 0),
    waiting: own.waiting,
    elsewhere: others.map(({ waiting }) => waiting),
    runs: all.flatMap(({ runs }) => runs),
  };
}
