import type { Task } from "../task/task.js";
import type { RunTime } from "./run-times.js";
import type { Standing, Surroundings, Waiting } from "./situation.js";

/** The storage that questions about a task need. */
export interface SituationStore {
  standing(task: Waiting): Promise<Standing>;
  surroundings(task: Waiting): Promise<Surroundings>;
}

/** Learns how long runs take. */
export interface RunTimeStore {
  /** Remembers how long a run took. A repeated call counts twice. */
  rememberRun(task: Pick<Task, "id" | "engine">, run: RunTime): Promise<void>;
}
