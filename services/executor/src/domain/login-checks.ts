import { type RunFailure, type RunOutcome, runFailure } from "@ccsp/engine-kit";
import type { ProbeReport } from "./probe.js";

export interface LoginCheckDeps {
  /** The same as `Executor.probe`. */
  readonly probe: (engine: string, signal: AbortSignal) => Promise<ProbeReport>;
}

/** Decides which outcome of a run is reported. It waits for no probe once `ended` aborts. */
type Judge = (outcome: RunOutcome, ended: AbortSignal) => Promise<RunOutcome>;

/** The part of the checks that a run needs. */
export type Logins = Pick<LoginChecks, "begin">;

interface Check {
  readonly report: Promise<ProbeReport | undefined>;
  readonly unwanted: AbortController;
  waiting: number;
}

/**
 * Finds out what a 403 (ACCESS_DENIED) refuses: the task, or the login that all tasks of an engine use. Providers
 * answer 403 in both cases, and so do proxies in front of them. So a probe sends a minimal request to the engine's
 * default model. If the provider refuses that too, the run fails with SESSION_TIMEOUT, which closes the login's gate.
 * If the provider answers, the failure belongs to the task. The result is not kept: each executor probes again at its
 * next 403.
 */
export class LoginChecks {
  readonly #deps: LoginCheckDeps;
  /** Checks that have not begun. All refusals until a check begins share it. */
  readonly #coming = new Map<string, Check>();
  #last: Promise<unknown> = Promise.resolve();
  /** The number of runs that succeeded, by engine. */
  readonly #succeeded = new Map<string, number>();

  constructor(deps: LoginCheckDeps) {
    this.#deps = deps;
  }

  /** To be called when a run of this engine starts. Returns the judge of its outcome. */
  begin(engine: string): Judge {
    const before = this.#successes(engine);
    return async (outcome, ended) => {
      if (outcome.ok) this.#succeeded.set(engine, this.#successes(engine) + 1);
      if (outcome.ok || outcome.failure.category !== "ACCESS_DENIED") return outcome;
      // Another run succeeded while the refused run was in progress. So the login works.
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
    // The probe says nothing about the login. The next run may show more.
    return { ...failure, retryable: true };
  }

  /**
   * Undefined: no probe could be made, or the run was ended meanwhile. If no run waits for a probe, it is not made or
   * it is stopped.
   */
  async #probed(engine: string, ended: AbortSignal): Promise<ProbeReport | undefined> {
    const check = this.#coming.get(engine) ?? this.#check(engine);
    check.waiting += 1;
    const report = await Promise.race([check.report, aborted(ended)]);
    check.waiting -= 1;
    // A check that has not begun counts its waiting runs when it begins. Another run may join it until then.
    if (check.waiting === 0 && this.#coming.get(engine) !== check) check.unwanted.abort();
    return report;
  }

  #check(engine: string): Check {
    const unwanted = new AbortController();
    const report = this.#last.then(() => {
      // A check that has begun may have sent its request before the next refusal. So that refusal needs a new check.
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
  "the provider refuses every request with the engine's login or key (403)",
);
