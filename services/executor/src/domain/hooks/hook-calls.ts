import type { Hook, HookPoint } from "@ccsp/engine-kit";
import { within } from "@ccsp/timing";
import type { Logger } from "pino";
import { type Clock, timerOf } from "../clock.js";

/** A hook with the operator's settings for it. */
export interface InstalledHook {
  readonly name: string;
  /** The package or path that it was loaded from. */
  readonly origin: string;
  /** The points that it has a method for. */
  readonly points: readonly HookPoint[];
  /** If true, a failure of the hook fails the run. */
  readonly required: boolean;
  /** For each call. */
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

/**
 * The outcome of a call. `failed`: the hook threw or was late, and the failure is already counted and logged; or
 * `ended` aborted first, which is neither counted as a failure nor logged.
 */
export type Called<T> =
  | { readonly failed: false; readonly value: T }
  | { readonly failed: true; readonly late: boolean };

export interface CallOptions<T> {
  readonly installed: InstalledHook;
  readonly point: HookPoint;
  readonly taskId: string;
  readonly act: (hook: Hook, signal: AbortSignal) => Promise<T> | undefined;
  /** Replaces the hook's own timeout. */
  readonly ms?: number;
  /**
   * Aborts when the run is being ended. Then no caller waits for the hook, and the call does not count as a failure of
   * the hook.
   */
  readonly ended?: AbortSignal | undefined;
  /** Level of the log line for a failure. */
  readonly level?: "warn" | "debug";
}

/** Calls hooks, each with a time limit. */
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
