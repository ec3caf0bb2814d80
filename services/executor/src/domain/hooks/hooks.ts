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
import type { Logins } from "../login-checks.js";
import { UNSTARTED } from "../unstarted.js";
import { createHookCalls, type HookCalls, type HookDeps, type HookStatus, type InstalledHook } from "./hook-calls.js";
import { type Handler, HookedRun, type Worker } from "./hooked-run.js";
import { changed, checkHandled, refusalOf } from "./request-change.js";
import { failedBy, hookFailed, RunEnd, STOPPED } from "./run-end.js";

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
  async start(asked: HookRun, engine: Engine, logins: Logins): Promise<EngineRun> {
    const { run, refused } = await this.#before(asked, engine);
    try {
      const worker = refused ? { refused } : await this.#execute(run, engine);
      return new HookedRun(run, worker, { ...this.#deps, end: this.#end, logins });
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
  async #execute(run: HookRun, engine: Engine): Promise<Worker> {
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
      if (!called.failed && called.value) return this.#handler(run.request, engine, installed, called.value);
    }
    return await engine.start(run.request);
  }

  #handler(request: RunRequest, engine: Engine, installed: InstalledHook, handler: RunHandler): Handler {
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
        return engine.start({ ...request, limits: { ...limits, wallMs } });
      },
    };
  }

  #at(point: HookPoint): readonly InstalledHook[] {
    return this.#hooks.filter(({ points }) => points.includes(point));
  }
}

const isUnwanted = ({ request }: HookRun): boolean => request.unwanted?.aborted === true;

const OVER = runFailure("TIMEOUT", "the run's time was up");
