import { OperatorServiceService as Rpcs } from "@ccsp/protos/ccsp/gateway/v1/operator_service.js";
import { type AdmittedCall, mayReadPrompts, within } from "../application/call.js";
import type { Guard } from "../application/guard.js";
import type { Executors } from "../executors/executors.js";
import { runWithoutContent } from "./content.js";

/** A probe takes at most a minute. */
export const PROBE_MS = 70_000;

export interface ExecutorOperationOptions {
  readonly guard: Guard;
  readonly executors: Executors;
}

/** What operators ask of one executor, or of all. */
export function executorOperations({ guard, executors }: ExecutorOperationOptions) {
  return { ...questions({ guard, executors }), ...runs({ guard, executors }), ...changes({ guard, executors }) };
}

function questions({ guard, executors }: ExecutorOperationOptions) {
  return {
    listExecutors: guard.unary(Rpcs.listExecutors, async (_request, call) => ({
      executors: await executors.list(within(call)),
    })),

    listEngines: guard.unary(Rpcs.listEngines, ({ executorId }, call) =>
      executors.call(executorId, within(call), (client) => client.listEngines({}, within(call))),
    ),

    listHooks: guard.unary(Rpcs.listHooks, ({ executorId }, call) =>
      executors.call(executorId, within(call), (client) => client.listHooks({}, within(call))),
    ),
  };
}

function runs({ guard, executors }: ExecutorOperationOptions) {
  const find = async (executorId: string, taskId: string, call: AdmittedCall) => {
    if (executorId === "") return executors.findRun(taskId, within(call));
    const run = await executors.call(executorId, within(call), (client) => client.getRun({ taskId }, within(call)));
    return { executorId, run };
  };
  return {
    getRun: guard.unary(Rpcs.getRun, async ({ executorId, taskId }, call) => {
      call.concerns(taskId);
      const { run } = await find(executorId, taskId, call);
      if (!mayReadPrompts(call.identity)) return runWithoutContent(run);
      call.showsContent();
      return run;
    }),

    tailRun: guard.stream(Rpcs.tailRun, async function* ({ executorId, taskId }, call) {
      call.concerns(taskId);
      const found = await find(executorId, taskId, call);
      yield* executors.stream(found.executorId, within(call), (client) => client.tailRun({ taskId }, within(call)));
    }),
  };
}

function changes({ guard, executors }: ExecutorOperationOptions) {
  return {
    setConcurrency: guard.unary(Rpcs.setConcurrency, ({ executorId, engine, slots }, call) =>
      executors.call(executorId, within(call), (client) => client.setConcurrency({ engine, slots }, within(call))),
    ),

    setDraining: guard.unary(Rpcs.setDraining, ({ executorId, draining }, call) =>
      executors.call(executorId, within(call), (client) => client.setDraining({ draining }, within(call))),
    ),

    probe: guard.unary(Rpcs.probe, ({ executorId, engine }, call) =>
      executors.call(executorId, within(call), (client) => client.probe({ engine }, within(call, PROBE_MS))),
    ),
  };
}
