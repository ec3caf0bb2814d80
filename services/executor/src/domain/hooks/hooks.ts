import {
  type Engine,
  type EngineRun,
  type HookPoint,
  type HookRun,
  type RunFailure,
  type RunHandler,
  type RunRequest,
  runFailure,
} from "@ccsp/engine-kit";
import type { LoginChecks } from "../login-checks.js";
import type { Lease } from "../queue.js";
import { UNSTARTED } from "../unstarted.js";
import { createHookCalls, type HookCalls, type HookDeps, type HookStatus, type InstalledHook } from "./hook-calls.js";
import { type Handler, HookedRun, type StartedEngine, type Worker } from "./hooked-run.js";
import { changed, checkHandled, refusalOf } from "./request-change.js";
import { failedBy, hookFailed, RunEnd, STOPPED } from "./run-end.js";

export interface StartOptions {
  readonly engine: Engine;
  readonly lease: Pick<Lease, "agentId" | "attempt">;
  readonly request: RunRequest;
  readonly logins: Pick<LoginChecks, "begin">;
}

/** What is needed to start a run. */
type Starter = Pick<StartOptions, "engine" | "logins">;

/** The operator's hooks around each run of an engine. */
export class Hooks {
  readonly #hooks: readonly InstalledHook[];
  readonly #deps: HookDeps;
  readonly #calls: HookCalls;
  readonly #end: RunEnd;

  constructor(hooks: readonly InstalledHook[], deps: HookDeps) {
    this.#hooks = hooks;
    this.#deps = deps;
    this.#calls = createHookCalls(deps);
    this.#end = new RunEnd(hooks, this.#calls);
  }

  /** In the order of the configuration. */
  status(): readonly HookStatus[] {
    return this.#hooks.map((hook) => this.#calls.status(hook));
  }

  /**
   * Starts a run as `engine.start` does, and calls every hook at its points. When this resolves, the hooks at the
   * points before the run have been called. The others are called before the run's `outcome` resolves. Each run ends
   * with exactly one of after-execute and on-error, whether or not an engine was started. Once the request is unwanted,
   * no hook is awaited and no engine is started.
   */
  async start({ engine, logins, lease: { agentId, attempt }, request }: StartOptions): Promise<EngineRun> {
    const { run, refused } = await this.#before({ agentId, attempt, engine: engine.name, request }, engine);
    try {
      const worker = refused ? { refused } : await this.#execute(run, { engine, logins });
      return new HookedRun(run, worker, { ...this.#deps, end: this.#end });
    } catch (err) {
      await this.#end.tell(run, failedBy(isUnwanted(run) ? STOPPED : UNSTARTED));
      throw err;
    }
  }

  /** The request after the hooks' changes, or why there is no run. */
  async #before(asked: HookRun, engine: Engine): Promise<{ run: HookRun; refused?: RunFailure }> {
    const point = "before-execute";
    let run = asked;
    for (const installed of this.#at(point)) {
      const now = run;
      const called = await this.#calls.call({
        installed,
        point,
        taskId: run.request.taskId,
        ended: asked.request.unwanted,
        async act(hook, signal) {
          const change = await hook.beforeExecute?.(now, signal);
          return { request: changed(now.request, change, engine), refused: refusalOf(installed.name, change) };
        },
      });
      if (isUnwanted(run)) return { run, refused: STOPPED };
      if (called.failed && installed.required) return { run, refused: hookFailed(installed, point) };
      if (called.failed || called.value === undefined) continue;
      run = { ...run, request: called.value.request };
      if (called.value.refused) return { run, refused: called.value.refused };
    }
    return { run };
  }

  /** Finds what does the run: a hook that takes it, or the engine. Or says why there is no run. */
  async #execute(run: HookRun, starter: Starter): Promise<Worker> {
    const point = "execute";
    const { taskId, conversation, unwanted: ended } = run.request;
    for (const installed of conversation ? [] : this.#at(point)) {
      const called = await this.#calls.call({
        installed,
        point,
        taskId,
        ended,
        act: (hook, signal) => hook.execute?.(run, signal),
      });
      if (isUnwanted(run)) return { refused: STOPPED };
      if (called.failed && installed.required) return { refused: hookFailed(installed, point) };
      if (!called.failed && called.value) return this.#handler(run.request, starter, installed, called.value);
    }
    return await startEngine(run.request, starter);
  }

  #handler(request: RunRequest, starter: Starter, installed: InstalledHook, handler: RunHandler): Handler {
    const { limits, taskId } = request;
    const { clock } = this.#deps;
    const startedAt = clock.now();
    return {
      by: `hook ${installed.name}`,
      handle: async (ended) => {
        const done = await this.#calls.call({
          installed,
          point: "execute",
          taskId,
          ended,
          ms: limits.wallMs,
          act: async (_hook, signal) => checkHandled(await handler(signal)),
        });
        if (!done.failed && done.value) return done.value;
        if (done.failed && done.late) return { failure: OVER };
        return installed.required ? { failure: hookFailed(installed, "execute") } : "failed";
      },
      startEngine() {
        const wallMs = Math.max(1, limits.wallMs - (clock.now() - startedAt));
        return startEngine({ ...request, limits: { ...limits, wallMs } }, starter);
      },
    };
  }

  #at(point: HookPoint): readonly InstalledHook[] {
    return this.#hooks.filter(({ points }) => points.includes(point));
  }
}

async function startEngine(request: RunRequest, { engine, logins }: Starter): Promise<StartedEngine> {
  const run = await engine.start(request);
  return { engine: run, judge: logins.begin(engine.name) };
}

const isUnwanted = ({ request }: HookRun): boolean => request.unwanted?.aborted === true;

const OVER = runFailure("TIMEOUT", "the run's time was up");
