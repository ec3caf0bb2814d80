import { invalidFields, type Refusal } from "@ccsp/errors";
import type { TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import { type ExecutorStore, type ExecutorView, LATELY_MS } from "../domain/executors/executor-store.js";
import { forbiddenEverywhere } from "../domain/executors/run-policy.js";
import { policedParts } from "../messages/run-policy.js";

/** How old the list of executors may be, before it is read again. */
const FRESH_MS = 1_000;

/** Refuses tasks that no executor would run. */
export interface Policies {
  /** Undefined: no policy can forbid one of these tasks. */
  judge(specs: readonly TaskSpec[]): Promise<Judge> | undefined;
}

/** The refusal (INVALID_FIELD) of a task that every executor forbids which offers its engine. Undefined: it may run. */
export type Judge = (spec: TaskSpec) => Refusal | undefined;

/**
 * Asks the executors that called lately, draining ones too: one that restarts may be back before the task starts. The
 * list is read at most once a second, and only for tasks that ask for something that a policy can forbid. While it
 * cannot be read, every task passes: its executor judges it again.
 */
export function createPolicies(store: ExecutorStore, nowMs: () => number): Policies {
  let known: Promise<readonly ExecutorView[]> = Promise.resolve([]);
  let readMs = Number.NEGATIVE_INFINITY;
  return {
    judge(specs) {
      if (!specs.some((spec) => policedParts(spec, ""))) return undefined;
      if (nowMs() - readMs >= FRESH_MS) {
        readMs = nowMs();
        known = store.executors(LATELY_MS).catch(() => []);
      }
      return known.then((executors) => (spec) => {
        const parts = policedParts(spec, spec.engine);
        const faults = parts ? forbiddenEverywhere(parts, executors) : [];
        return faults.length > 0 ? invalidFields(faults) : undefined;
      });
    },
  };
}
