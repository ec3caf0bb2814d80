import type { Hook, HookPoint } from "@ccsp/engine-kit";
import { within } from "@ccsp/timing";
import type { Logger } from "pino";
import { type Clock, timerOf } from "../clock.js";

/** A hook with what the operator says of it. */
export interface InstalledHook {
  readonly name: string;
  /** Package or path that it was loaded from. */
  readonly origin: string;
  /** Points that it has a method for. */
  readonly points: readonly HookPoint[];
  /** A failure of it fails the run. */
  readonly required: boolean;
  /** Of each call. */
  readonly timeoutMs: number;
  readonly hook: Hook;
}

export type HookStatus = Omit<InstalledHook, "hook"> & { readonly calls: number; readonly failures: number };

/** `dropped`: an event that the hook was too slow for. */
export type HookOutcome = "ok" | "failed" | "timeout" | "dropped";

/** Counts of calls. Implemented by `../../telemetry/metrics.ts`. */
export interface HookMetrics {
  hookCalled(hook: string, point: HookPoint, outcome: HookOutcome): void;
}

export interface HookDeps {
  readonly clock: Clock;
  readonly metrics: HookMetrics;
  readonly log: Logger;
}

/** What a call came to; `failed`: it threw or was too late, which is counted and logged by then. */
export type Called<T> =
  | { readonly failed: false; readonly value: T }
  | { readonly failed: true; readonly late: boolean };

export interface CallOptions<T> {
  readonly installed: InstalledHook;
  readonly point: HookPoint;
  readonly taskId: string;
  readonly act: (hook: Hook, signal: AbortSignal) => Promise<T> | undefined;
  /** In place of the hook's own time. */
  readonly ms?: number;
  /** The run ends: nobody waits any more, and that is no fault of the hook. */
  readonly ended?: AbortSignal | undefined;
  /** Of the log line of a failure. */
  readonly level?: "warn" | "debug";
}

/** Calls hooks, each within its time. */
export interface HookCalls {
  /** Never rejects. */
  call<T>(options: CallOptions<T>): Promise<Called<T | undefined>>;
  dropped(hook: InstalledHook, events: number): void;
  status(hook: InstalledHook): HookStatus;
}

export function createHookCalls({ clock, metrics, log }: HookDeps): HookCalls {
  const counts = new Map<string, { calls: number; failures: number }>();

  const countsOf = ({ name }: Pick<InstalledHook, "name">) => {
    const known = counts.get(name) ?? { calls: 0, failures: 0 };
    counts.set(name, known);
    return known;
  };

  return {
    async call({ installed, point, taskId, act, ms = installed.timeoutMs, ended, level = "warn" }) {
      const { name, hook } = installed;
      const count = countsOf(installed);
      count.calls++;
      const over = new AbortController();
      const signal = ended ? AbortSignal.any([over.signal, ended]) : over.signal;
      let outcome: HookOutcome = "ok";
      try {
        const acted = async () => ({ value: await act(hook, signal) });
        const done = await within(ms, acted(), () => undefined, { over, timer: timerOf(clock, ended) });
        if (done) return { failed: false, value: done.value };
        if (ended?.aborted) return { failed: true, late: false };
        outcome = "timeout";
        log[level]({ task: taskId, hook: name, point, ms }, "hook took too long");
      } catch (err) {
        if (ended?.aborted) return { failed: true, late: false };
        outcome = "failed";
        log[level]({ task: taskId, hook: name, point, err }, "hook failed");
      } finally {
        if (outcome !== "ok") count.failures++;
        metrics.hookCalled(name, point, outcome);
      }
      return { failed: true, late: outcome === "timeout" };
    },

    dropped({ name }, events) {
      for (let i = 0; i < events; i++) metrics.hookCalled(name, "on-event", "dropped");
    },

    status({ hook: _hook, ...installed }) {
      return { ...installed, ...countsOf(installed) };
    },
  };
}
