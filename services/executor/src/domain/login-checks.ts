import { type RunFailure, type RunOutcome, runFailure } from "@ccsp/engine-kit";
import type { ProbeReport } from "./probe.js";

export interface LoginCheckDeps {
  /** As `Executor.probe`. */
  readonly probe: (engine: string, signal: AbortSignal) => Promise<ProbeReport>;
}

/** The outcome of one run as its end is to be told; waits for no probe once `ended` aborts. */
type Judge = (outcome: RunOutcome, ended: AbortSignal) => Promise<RunOutcome>;

/** What a run needs of the checks. */
export type Logins = Pick<LoginChecks, "begin">;

interface Check {
  readonly report: Promise<ProbeReport | undefined>;
  readonly unwanted: AbortController;
  waiting: number;
}

/**
 * Finds out what a 403 (ACCESS_DENIED) refuses: the task, or the login that all tasks of an engine use. Providers say 403 for both, and so do
 * proxies in front of them. So a probe asks the engine's default model for the least that there is. If the provider refuses that too, the
 * run fails with SESSION_TIMEOUT, which closes the login's gate. If it answers, the failure is the task's own. The result is not
 * kept: each executor asks again when it meets the next 403.
 */
export class LoginChecks {
  readonly #deps: LoginCheckDeps;
  /** Checks that have not begun: all refusals until then share one. */
  readonly #coming = new Map<string, Check>();
  #last: Promise<unknown> = Promise.resolve();
  /** Runs that succeeded, by engine: how many. */
  readonly #succeeded = new Map<string, number>();

  constructor(deps: LoginCheckDeps) {
    this.#deps = deps;
  }

  /** A run of this engine has started. */
  begin(engine: string): Judge {
    const before = this.#successes(engine);
    return async (outcome, ended) => {
      if (outcome.ok) this.#succeeded.set(engine, this.#successes(engine) + 1);
      if (outcome.ok || outcome.failure.category !== "ACCESS_DENIED") return outcome;
      // Something else was answered while the refused run went on.
      if (this.#successes(engine) > before) return outcome;
      return { ...outcome, failure: await this.#verdict(engine, outcome.failure, ended) };
    };
  }

  async #verdict(engine: string, failure: RunFailure, ended: AbortSignal): Promise<RunFailure> {
    const report = await this.#probed(engine, ended);
    if (report === undefined) return { ...failure, retryable: true };
    const refused = report.failure?.category;
    if (refused === undefined) return failure;
    if (refused === "ACCESS_DENIED" || refused === "SESSION_TIMEOUT") return LOGIN_REFUSED;
    // Nothing is known of the login: the next run may tell.
    return { ...failure, retryable: true };
  }

  /** Undefined: no probe could be made, or the run was ended meanwhile. A probe that no run waits for is not made. */
  async #probed(engine: string, ended: AbortSignal): Promise<ProbeReport | undefined> {
    const check = this.#coming.get(engine) ?? this.#check(engine);
    check.waiting += 1;
    const report = await Promise.race([check.report, aborted(ended)]);
    check.waiting -= 1;
    // One that has not begun counts its runs when it does: another run may join it until then.
    if (check.waiting === 0 && this.#coming.get(engine) !== check) check.unwanted.abort();
    return report;
  }

  #check(engine: string): Check {
    const unwanted = new AbortController();
    const report = this.#last.then(() => {
      // One that has begun may have asked before the next refusal.
      this.#coming.delete(engine);
      return check.waiting === 0 ? undefined : this.#deps.probe(engine, unwanted.signal).catch(() => undefined);
    });
    const check: Check = { report, unwanted, waiting: 0 };
    this.#coming.set(engine, check);
    this.#last = report;
    return check;
  }

  #successes(engine: string): number {
    return this.#succeeded.get(engine) ?? 0;
  }
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
