import type { Failure, Task } from "../task/task.js";
import type { GateStore, LimitStore } from "./gate-store.js";
import { type Gate, gateAfterFailure, type Scope, scopes } from "./gates.js";

export type Gates = ReturnType<typeof createGates>;

/** Opens and closes gates, for people and after failures. */
export function createGates(store: GateStore & LimitStore, { rampMs }: { readonly rampMs: number }) {
  return {
    /** Closes a gate, or gives a closed one another reason and time. */
    async pause(scope: Scope, { who, why, opensMs }: { who: string; why: string; opensMs?: number }): Promise<Gate> {
      // What opens by itself opens for all that waited since, and nobody looks on.
      const byItself = opensMs !== undefined && { opens: opensMs, ...(rampedScope(scope) && { ramp: rampMs }) };
      return store.closeGate({ scope, gate: { who, why, ...byItself }, how: "replace", told: true });
    },

    /** Answers whether the gate had been closed. */
    async resume(scope: Scope, by: { who: string; why: string }): Promise<boolean> {
      const resumed = await store.openGate(scope, by);
      const [kind, name = ""] = scope.split("/");
      if (kind === "agent") await store.unthrottle(name);
      return resumed;
    },

    /**
     * Before the move that a failure leads to, so that the closing is not lost with this process. A repeat counts no failure
     * twice; a window that is said to open after a while then opens that long after the repeat, as the task is tried again.
     */
    async beforeRetry(
      task: Task,
      error: Failure,
      { nowMs, readyMs }: { nowMs: number; readyMs: number },
    ): Promise<void> {
      const { engine, account = "" } = task;
      if (error.category === "OVERLOADED") await store.adaptBound({ engine, account }, "overloaded");
      const closed = await store.gates();
      const closing = gateAfterFailure(task, error, { nowMs, readyMs, rampMs, before: (scope) => closed.get(scope) });
      if (closing) await store.closeGate(closing);
    },
  };
}

/** Behind these everything waits at once; an agent or a label has few. */
const rampedScope = (scope: Scope): boolean => scope === scopes.all || /^(class|engine|account)\//.test(scope);
