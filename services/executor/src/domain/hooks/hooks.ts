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
import type { Lease } from "../queue.js";
import { UNSTARTED } from "../unstarted.js";
import { startHandled } from "./handled-run.js";
import { createHookCalls, type HookDeps, type HookStatus, type InstalledHook } from "./hook-calls.js";
import { failedBy, followHooked, hookFailed, STOPPED, tellEnd } from "./hooked-run.js";
import { changed, checkHandled, refusalOf } from "./request-change.js";

/** The operator's hooks around each run of an engine. */
export interface Hooks {
  /** In their order. */
  status(): readonly HookStatus[];
  /**
   * Starts a run as `engine.start` does, with every hook at its points: those before it have been called when this resolves, the others
   * before its `outcome` resolves. Each run ends with after-execute or on-error, once, whether or not an engine was started. No hook is waited
   * for, and no engine started, once the request is unwanted.
   */
  start(engine: Engine, lease: Pick<Lease, "agentId" | "attempt">, request: RunRequest): Promise<EngineRun>;
}

export function createHooks(hooks: readonly InstalledHook[], deps: HookDeps): Hooks {
  const calls = createHookCalls(deps);
  const at = (point: HookPoint) => hooks.filter(({ points }) => points.includes(point));

  /** The request as the hooks leave it, or why there is no run. */
  async function before(asked: HookRun, engine: Engine): Promise<{ run: HookRun; refused?: RunFailure }> {
    const point = "before-execute";
    let run = asked;
    for (const installed of at(point)) {
      const now = run;
      const called = await calls.call({
        ...{ installed, point, taskId: run.request.taskId, ended: asked.request.unwanted },
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

  /** The run itself, by a hook that takes it or by the engine; or why there is none. */
  async function execute(run: HookRun, engine: Engine): Promise<EngineRun | RunFailure> {
    const point = "execute";
    const { taskId, conversation, unwanted: ended } = run.request;
    for (const installed of conversation ? [] : at(point)) {
      const called = await calls.call({
        ...{ installed, point, taskId, ended },
        act: (hook, signal) => hook.execute?.(run, signal),
      });
      if (isUnwanted(run)) return STOPPED;
      if (called.failed && installed.required) return hookFailed(installed, point);
      if (!called.failed && called.value) return handled(run, engine, installed, called.value);
    }
    return await engine.start(run.request);
  }

  function handled({ request }: HookRun, engine: Engine, installed: InstalledHook, handler: RunHandler): EngineRun {
    const { limits, taskId } = request;
    const startedAt = deps.clock.now();
    return startHandled({
      request,
      by: `hook ${installed.name}`,
      clock: deps.clock,
      async handle(ended) {
        const done = await calls.call({
          ...{ installed, point: "execute", taskId, ended, ms: limits.wallMs },
          act: async (_hook, signal) => checkHandled(await handler(signal)),
        });
        if (!done.failed && done.value) return done.value;
        if (done.failed && done.late) return { failure: OVER };
        return installed.required ? { failure: hookFailed(installed, "execute") } : "failed";
      },
      startEngine() {
        const wallMs = Math.max(1, limits.wallMs - (deps.clock.now() - startedAt));
        return engine.start({ ...request, limits: { ...limits, wallMs } });
      },
    });
  }

  return {
    status: () => hooks.map((hook) => calls.status(hook)),
    async start(engine, { agentId, attempt }, request) {
      if (hooks.length === 0) return await engine.start(request);
      const { run, refused } = await before({ agentId, attempt, engine: engine.name, request }, engine);
      const started = await Promise.resolve(refused ?? execute(run, engine)).catch(async (err: unknown) => {
        await tellEnd(run, failedBy(isUnwanted(run) ? STOPPED : UNSTARTED), { hooks, calls });
        throw err;
      });
      return followHooked(run, "category" in started ? noRun(started) : started, { ...deps, hooks, calls });
    },
  };
}

const isUnwanted = ({ request }: HookRun): boolean => request.unwanted?.aborted === true;

/** What is left of a run that was not started. */
const noRun = (failure: RunFailure): EngineRun => ({
  ...{ pid: 0, processes: 0, resources: { cpuMs: undefined, peakMemoryBytes: undefined } },
  events: (async function* () {})(),
  outcome: Promise.resolve(failedBy(failure)),
  stop: async () => {},
  kill: async () => {},
});

const OVER = runFailure("TIMEOUT", "the run's time was up");
