import { invalidFields, Refusal } from "@ccsp/errors";
import type { Handlers } from "@ccsp/grpc-kit";
import type { ExecutorServiceService } from "@ccsp/protos/ccsp/executor/v1/executor_service.js";
import { toDuration } from "@ccsp/protos/duration.js";
import type { Attempt } from "../domain/attempt.js";
import type { Executor } from "../domain/executor.js";
import type { Hooks } from "../domain/hooks/hooks.js";
import { toResources, toTaskError } from "../queue/messages.js";
import type { SandboxStatus } from "../sandbox/sandbox.js";
import { toEngineInfo, toEngineStatus, toHookStatus, toRunStatus } from "./messages.js";

/** Upper bound of slots. No known host can run more at the same time. */
const MAX_SLOTS = 500;

export interface HandlerDeps {
  readonly executor: Executor;
  readonly hooks: Pick<Hooks, "status">;
  readonly sandbox: SandboxStatus;
  /** Aborts when the executor begins to stop. */
  readonly stopping: AbortSignal;
}

export function executorHandlers({
  executor,
  hooks,
  sandbox,
  stopping,
}: HandlerDeps): Handlers<ExecutorServiceService> {
  return {
    async getExecutorStatus() {
      const { executorId, bootId, draining, engines, attempts } = executor.status();
      const runs = attempts.map(toRunStatus);
      return { executorId, bootId, draining, engines: engines.map(toEngineStatus), runs, sandbox };
    },

    async listEngines() {
      return { engines: executor.status().engines.map(toEngineInfo) };
    },

    async listHooks() {
      return { hooks: hooks.status().map(toHookStatus) };
    },

    async listRuns() {
      return { runs: executor.status().attempts.map(toRunStatus) };
    },

    async getRun({ taskId }) {
      const attempt = findRun(executor, taskId);
      const { tail, resources, processes } = attempt;
      return { run: toRunStatus(attempt), tail: tail.last(), resources: toResources(resources), processes };
    },

    tailRun: ({ taskId }, { signal }) => findRun(executor, taskId).tail.follow(signal),

    async setConcurrency({ engine, slots }) {
      if (slots < 0 || slots > MAX_SLOTS) {
        throw invalidFields([{ field: "slots", description: `has to be 0 to ${MAX_SLOTS}` }]);
      }
      executor.setSlots(engine, slots);
      const changed = executor.status().engines.find((status) => status.engine.name === engine);
      return { engine: changed && toEngineStatus(changed) };
    },

    async setDraining({ draining }) {
      executor.setDraining(draining);
      return { running: executor.status().attempts.filter(({ running }) => running).length };
    },

    async probe({ engine }, { signal }) {
      const report = await executor.probe(engine, AbortSignal.any([signal, stopping]));
      const { failure, firstTextMs, totalMs, engineVersion, model } = report;
      return {
        ok: failure === undefined,
        firstText: firstTextMs === undefined ? undefined : toDuration(firstTextMs),
        total: toDuration(totalMs),
        error: failure && toTaskError(failure),
        engineVersion,
        model,
      };
    },
  };
}

function findRun(executor: Executor, taskId: string): Attempt {
  const attempt = executor.find(taskId);
  if (attempt) return attempt;
  throw new Refusal("RUN_NOT_FOUND", `this executor does not run ${JSON.stringify(taskId)} now`);
}
