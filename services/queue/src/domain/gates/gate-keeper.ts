import type { Failure, Task } from "../task/task.js";
import type { GateStore, LimitStore } from "./gate-store.js";
import { type Gate, gateAfterFailure } from "./gates.js";
import { type Scope, scopeName } from "./scope.js";

export type Gates = ReturnType<typeof createGates>;

/** Opens and closes gates, for people and after failures. */
export function createGates(store: GateStore & LimitStore, { rampMs }: { readonly rampMs: number }) {
  return {
    /** Closes a gate, or gives a closed one another reason and time. */
    async pause(scope: Scope, { who, why, opensMs }: { who: string; why: string; opensMs?: number }): Promise<Gate> {
      // What opens by itself opens for all that waited since, and nobody looks on.
      const byItself = opensMs !== undefined && { opens: opensMs, ...(RAMPED.has(scope.kind) && { ramp: rampMs }) };
      return store.closeGate({ scope, gate: { who, why, ...byItself }, how: "replace", told: true });
    },

    /** Answers whether the gate had been closed. */
    async resume(scope: Scope, by: { who: string; why: string }): Promise<boolean> {
      const resumed = await store.openGate(scope, by);
      if (scope.kind === "agent") await store.unthrottle(scope.agent);
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
      const closing = gateAfterFailure(task, error, {
        nowMs,
        readyMs,
        rampMs,
        before: (scope) => closed.get(scopeName(scope)),
      });
      if (closing) await store.closeGate(closing);
    },
  };
}

/** Very many tasks may wait behind one of these, but few behind an agent's or a label's. */
const RAMPED: ReadonlySet<Scope["kind"]> = new Set(["all", "class", "engine", "account"]);
