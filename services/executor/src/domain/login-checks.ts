import { type Engine, type EngineRun, type RunFailure, type RunOutcome, runFailure, wrapRun } from "@ccsp/engine-kit";
import type { ProbeReport } from "./probe.js";

export interface LoginCheckDeps {
  /** As `Executor.probe`. */
  readonly probe: (engine: string, signal: AbortSignal) => Promise<ProbeReport>;
}

/**
 * Finds out what a 403 (ACCESS_DENIED) refuses: the task, or the login that all tasks of an engine use. Providers say 403 for both, and so do
 * proxies in front of them. So a probe asks the engine's default model for the least that there is. If the provider refuses that too, the
 * run fails with SESSION_TIMEOUT, which closes the login's gate. If it answers, the failure is the task's own. The result is not
 * kept: each executor asks again when it meets the next 403.
 */
export interface LoginChecks {
  /** The engine, with the check before its runs' `outcome`. A run that is ended waits for no probe. */
  checked(engine: Engine): Engine;
}

interface Check {
  readonly report: Promise<ProbeReport | undefined>;
  readonly unwanted: AbortController;
  waiting: number;
}

export function createLoginChecks({ probe }: LoginCheckDeps): LoginChecks {
  /** Checks that have not begun: all refusals until then share one. */
  const coming = new Map<string, Check>();
  let last: Promise<unknown> = Promise.resolve();
  /** Runs that succeeded, by engine: how many. */
  const succeeded = new Map<string, number>();

  function begin(engine: string): Check {
    const unwanted = new AbortController();
    const report = last.then(() => {
      // One that has begun may have asked before the next refusal.
      coming.delete(engine);
      return check.waiting === 0 ? undefined : probe(engine, unwanted.signal).catch(() => undefined);
    });
    const check: Check = { report, unwanted, waiting: 0 };
    coming.set(engine, check);
    last = report;
    return check;
  }

  /** Undefined: no probe could be made, or the run was ended meanwhile. A probe that no run waits for is not made. */
  async function probed(engine: string, ended: AbortSignal): Promise<ProbeReport | undefined> {
    const check = coming.get(engine) ?? begin(engine);
    check.waiting += 1;
    const report = await Promise.race([check.report, aborted(ended)]);
    check.waiting -= 1;
    // One that has not begun counts its runs when it does: another run may join it until then.
    if (check.waiting === 0 && coming.get(engine) !== check) check.unwanted.abort();
    return report;
  }

  async function verdict(engine: string, failure: RunFailure, ended: AbortSignal, before: number): Promise<RunFailure> {
    // Something else was answered while the refused run went on.
    if ((succeeded.get(engine) ?? 0) > before) return failure;
    const report = await probed(engine, ended);
    if (report === undefined) return { ...failure, retryable: true };
    const refused = report.failure?.category;
    if (refused === undefined) return failure;
    if (refused === "ACCESS_DENIED" || refused === "SESSION_TIMEOUT") return LOGIN_REFUSED;
    // Nothing is known of the login: the next run may tell.
    return { ...failure, retryable: true };
  }

  function watched(engine: string, run: EngineRun): EngineRun {
    const ended = new AbortController();
    const before = succeeded.get(engine) ?? 0;
    const outcome = run.outcome.then(async (came): Promise<RunOutcome> => {
      if (came.ok) succeeded.set(engine, (succeeded.get(engine) ?? 0) + 1);
      if (came.ok || came.failure.category !== "ACCESS_DENIED") return came;
      return { ...came, failure: await verdict(engine, came.failure, ended.signal, before) };
    });
    return wrapRun(run, {
      outcome,
      stop() {
        ended.abort();
        return run.stop();
      },
      kill() {
        ended.abort();
        return run.kill();
      },
    });
  }

  return {
    checked: (engine) => ({
      name: engine.name,
      account: engine.account,
      capabilities: engine.capabilities,
      version: () => engine.version(),
      start: async (request) => watched(engine.name, await engine.start(request)),
    }),
  };
}

const aborted = (signal: AbortSignal): Promise<undefined> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });

const LOGIN_REFUSED = runFailure(
  "SESSION_TIMEOUT",
  "the provider refuses the engine's login or key, whatever is asked of it (403)",
);
