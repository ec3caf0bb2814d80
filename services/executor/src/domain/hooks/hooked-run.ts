import {
  type EngineEvent,
  type EngineRun,
  type HookPoint,
  type HookRun,
  type RunFailure,
  type RunOutcome,
  runFailure,
  wrapRun,
} from "@ccsp/engine-kit";
import { createEventFeed } from "./event-feed.js";
import type { HookCalls, HookDeps, InstalledHook } from "./hook-calls.js";

export interface HookedRunDeps extends Pick<HookDeps, "clock" | "log"> {
  readonly hooks: readonly InstalledHook[];
  readonly calls: HookCalls;
}

/** Has the hooks listen to a run and know how it ended, before its `outcome` says so. */
export function followHooked(run: HookRun, inner: EngineRun, deps: HookedRunDeps): EngineRun {
  const { hooks, calls, clock, log } = deps;
  let stopped = false;
  let broken: RunFailure | undefined;
  const listening = hooks.filter(({ points }) => points.includes("on-event"));
  const feeds = listening.map((installed) => {
    const onBroken = () => {
      broken ??= hookFailed(installed, "on-event");
      inner.stop().catch((err: unknown) => log.error({ err }, "run could not be stopped for its hook"));
    };
    return createEventFeed({ installed, run, calls, clock, onBroken });
  });

  async function* events(): AsyncGenerator<EngineEvent> {
    for await (const event of inner.events) {
      // Whoever stops a run waits for its end, not for its hooks.
      if (!stopped) for (const feed of feeds) await feed.add(event);
      yield event;
    }
  }

  async function finish(): Promise<RunOutcome> {
    const outcome = await inner.outcome;
    await Promise.all(feeds.map((feed) => feed.end(stopped)));
    if (!stopped || outcome.ok) return await tellEnd(run, broken ? failedBy(broken, outcome) : outcome, deps);
    // Whoever stopped it knows why, and says so to the queue.
    await tellEnd(run, failedBy(STOPPED, outcome), deps);
    return outcome;
  }

  return wrapRun(inner, {
    events: events(),
    outcome: finish(),
    stop() {
      stopped = true;
      return inner.stop();
    },
    kill() {
      stopped = true;
      return inner.kill();
    },
  });
}

/** Tells every hook, in order, how the run ended. A required one that fails makes a failure of it, which those after it are told. */
export async function tellEnd(
  run: HookRun,
  outcome: RunOutcome,
  { hooks, calls }: Pick<HookedRunDeps, "hooks" | "calls">,
): Promise<RunOutcome> {
  let known = outcome;
  for (const installed of hooks) {
    const told = known;
    const point = told.ok ? "after-execute" : "on-error";
    if (!installed.points.includes(point)) continue;
    const called = await calls.call({
      ...{ installed, point, taskId: run.request.taskId },
      act: (hook, signal) =>
        told.ok ? hook.afterExecute?.(run, told.result, signal) : hook.onError?.(run, told.failure, signal),
    });
    if (called.failed && installed.required && told.ok) known = failedBy(hookFailed(installed, point), told);
  }
  return known;
}

/** The same end as a failure; what it cost stays. */
export function failedBy(failure: RunFailure, outcome?: RunOutcome): RunOutcome {
  const { usage, costUsd } = outcome?.ok ? outcome.result : { usage: outcome?.usage, costUsd: outcome?.costUsd };
  return { ok: false, failure, usage, costUsd, facts: outcome?.facts };
}

export const hookFailed = ({ name }: InstalledHook, point: HookPoint): RunFailure =>
  runFailure("HOOK_FAILED", `the required hook ${name} failed at ${point}; the executor's log says why`);

export const STOPPED = runFailure("CANCELLED", "the run was stopped");
