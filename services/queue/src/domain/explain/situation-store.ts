import type { PriorityClass, Task } from "../task/task.js";
import type { RunTime } from "./run-times.js";
import type { Standing, Surroundings, Waiting } from "./situation.js";
import type { LineUp } from "./start-order.js";

/** The storage that questions about a task need. */
export interface SituationStore {
  standing(task: Waiting): Promise<Standing>;
  surroundings(task: Waiting): Promise<Surroundings>;
}

/** Reads the waiting lines in the order in which their tasks start. */
export interface LineStore {
  /** What claims of the engine choose from, in each shard, with at most `most` agents of each class. */
  lineUps(engine: string, most: number): Promise<readonly LineUp[]>;
  /** Ids of the oldest `count` tasks of an agent in the line of a class. */
  idsInLine(line: Line, count: number): Promise<readonly string[]>;
  /**
   * Ids of waiting tasks that have no turn: of agents that may not start any, held by a label, for one executor, until a
   * time (the earliest first). At most `most` of each kind in a shard.
   */
  idsAside(most: number): Promise<readonly string[]>;
}

export interface Line {
  readonly engine: string;
  readonly class: PriorityClass;
  readonly agent: string;
}

/** Learns how long runs take. */
export interface RunTimeStore {
  /** Remembers how long a run took. A repeated call counts twice. */
  rememberRun(task: Pick<Task, "id" | "engine">, run: RunTime): Promise<void>;
}
