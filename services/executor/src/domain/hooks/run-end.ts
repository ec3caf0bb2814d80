import { type HookPoint, type HookRun, type RunFailure, type RunOutcome, runFailure } from "@ccsp/engine-kit";
import { NOTHING_RAN } from "../unstarted.js";
import type { HookCalls, InstalledHook } from "./hook-calls.js";

/** Notifies hooks of how runs ended. */
export class RunEnd {
  readonly hooks: readonly InstalledHook[];
  readonly calls: HookCalls;

  constructor(hooks: readonly InstalledHook[], calls: HookCalls) {
    this.hooks = hooks;
    this.calls = calls;
  }

  /**
   * Notifies every hook, in order. If a required hook fails, the run becomes a failure, and the later hooks are
   * notified of that failure.
   */
  async tell(run: HookRun, outcome: RunOutcome): Promise<RunOutcome> {
    let known = outcome;
    for (const installed of this.hooks) {
      const told = known;
      const point = told.ok ? "after-execute" : "on-error";
      if (!installed.points.includes(point)) continue;
      const called = await this.calls.call({
        installed,
        point,
        taskId: run.request.taskId,
        act: (hook, signal) =>
          told.ok ? hook.afterExecute?.(run, told.result, signal) : hook.onError?.(run, told.failure, signal),
      });
      if (called.failed && installed.required && told.ok) known = failedBy(hookFailed(installed, point), told);
    }
    return known;
  }
}

/** The same end as a failure. Usage, cost and model stay. */
export function failedBy(failure: RunFailure, outcome?: RunOutcome): RunOutcome {
  const { usage, costUsd, model } = (outcome?.ok ? outcome.result : outcome) ?? NOTHING_RAN;
  return { ok: false, failure, usage, costUsd, model, facts: outcome?.facts, windows: outcome?.windows };
}

export const hookFailed = ({ name }: InstalledHook, point: HookPoint): RunFailure =>
  runFailure("HOOK_FAILED", `the required hook ${name} failed at ${point}; the executor's log says why`);

export const STOPPED = runFailure("CANCELLED", "the run was stopped");
