import type { GatesByName } from "../gates/gates.js";
import type { PriorityClass, Task } from "../task/task.js";
import type { RunTime } from "./run-times.js";

/** A waiting task, or a task that is not submitted yet and could wait. */
export type Waiting = Pick<Task, "id" | "agent" | "engine" | "class" | "state" | "created"> &
  Partial<Pick<Task, "since" | "labels" | "model" | "pin" | "pinMs" | "ready" | "error">>;

/** The state of a task's own shard, as a claim counts it there. Times are ms since 1970. */
export interface Standing {
  readonly nowMs: number;
  readonly gates: GatesByName;
  /** By login of the engine: how many concurrent runs it may have, because its provider was overloaded. */
  readonly bounds: ReadonlyMap<string, number>;
  /**
   * How many tasks run, by the names that caps use: `agent/<id>`, `urgent/<engine>`, `label/<name>`,
   * `account/<engine>/<login>`.
   */
  readonly running: ReadonlyMap<string, number>;
  /** Rate limits that were used, by name: `requests` or `tokens`, then `/engine/`, `/account/` or `/agent/`, then its name. */
  readonly buckets: ReadonlyMap<string, { readonly level: number; readonly timeMs: number }>;
  /** Average tokens of a run of the engine. */
  readonly cost: number;
  readonly classes: Readonly<Record<PriorityClass, ClassQueue>>;
  /** Agents of its class by virtual time, the next one first. When there are very many, only the first ones. */
  readonly turns: readonly AgentTurn[];
  /** The virtual time at which its agent takes its next turn. */
  readonly turnTime: number;
  /** Waiting tasks of its agent, engine and class that are older. */
  readonly aheadOfAgent: number;
}

export interface ClassQueue {
  readonly waiting: number;
  readonly oldestMs: number | undefined;
  /** Credit in the round robin between classes. */
  readonly credit: number;
}

export interface AgentTurn {
  readonly agent: string;
  readonly time: number;
  readonly waiting: number;
}

/** The state of all shards and executors around a task. */
export interface Surroundings {
  /** Executors that offer its engine and called lately. */
  readonly executors: readonly ExecutorSlots[];
  /** Waiting tasks of its engine and class that are older. */
  readonly aheadInClass: number;
  /** Waiting tasks of its engine in this shard, and in each other shard. */
  readonly waiting: EngineQueue;
  readonly elsewhere: readonly EngineQueue[];
  /** Recent runs of its engine. */
  readonly runs: readonly RunTime[];
}

export interface ExecutorSlots {
  readonly id: string;
  readonly account: string;
  readonly slots: number;
  /** For each run of the engine that the executor holds, when it was leased (ms). */
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

/**
 * Joins the surroundings of all shards. An executor calls all shards and may hold leases in each, so its leases are
 * added up.
 */
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
