import type { Failure, Task } from "../task/task.js";
import type { GateStore, LimitStore } from "./gate-store.js";
import { type Gate, type GateNames, gateAfterFailure, gateOfWindows, type SaidWindows } from "./gates.js";
import { type Scope, scopeName } from "./scope.js";

export type Gates = ReturnType<typeof createGates>;

/** Opens and closes gates, for people and after failures. */
export function createGates(
  store: GateStore & LimitStore,
  { rampMs, names }: { readonly rampMs: number; readonly names: GateNames },
) {
  return {
    /** Closes a gate, or gives a closed gate another reason and another time of opening. */
    async pause(scope: Scope, { who, why, opensMs }: { who: string; why: string; opensMs?: number }): Promise<Gate> {
      // A gate that opens by itself lets all waiting tasks through while no person watches. So it gets a ramp.
      const byItself = opensMs !== undefined && { opens: opensMs, ...(isRamped(scope) && { ramp: rampMs }) };
      return store.closeGate({ scope, gate: { who, why, ...byItself }, how: "replace", announced: true });
    },

    /** Opens a gate. Returns whether it was closed. */
    async resume(scope: Scope, by: { who: string; why: string }, rampMs?: number): Promise<boolean> {
      const resumed = await store.openGate(scope, { by, rampMs });
      if (scope.kind === "agent") await store.unthrottle(scope.agent);
      return resumed;
    },

    /**
     * Closes the gate that a failure calls for. It runs before the move that the failure leads to, so that the closing
     * is not lost when this process dies between the two. A repeated call counts no failure twice. When the provider
     * said after how long a usage window opens, a repeat counts this time from the repeat, and the task is tried again
     * at the same time.
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
        names,
        before: (scope) => closed.get(scopeName(scope)),
      });
      if (closing) await store.closeGate(closing);
    },

    /** A provider has spoken of the windows of a login: it closes the gate of the login if one of them is closed. */
    async windowsSaid(said: SaidWindows, nowMs: number): Promise<void> {
      const closing = gateOfWindows(said, { nowMs, rampMs, names });
      if (closing) await store.closeGate(closing);
      await store.tellWindows(said.data);
    },
  };
}

/**
 * Gates with a ramp. Very many tasks may wait behind one of these; behind the gate of an agent or a label only few
 * wait.
 */
const RAMPED: ReadonlySet<Scope["kind"]> = new Set(["all", "class", "engine", "account"]);
export const isRamped = ({ kind }: Scope): boolean => RAMPED.has(kind);
