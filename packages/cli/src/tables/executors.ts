import type { EngineStatus, RunStatus } from "@ccsp/protos/ccsp/executor/v1/executor_service.js";
import type { ExecutorState } from "@ccsp/protos/ccsp/gateway/v1/operator_service.js";
import { shortId } from "../options/task-id.js";
import { stateColour } from "../output/colour.js";
import type { Column } from "../output/table.js";
import { ageWords, zonedTime } from "../output/words.js";

/** An executor, or one engine of it. */
export interface ExecutorRow {
  readonly executor: ExecutorState;
  readonly engine?: EngineStatus;
}

/** One row for each engine. An executor without engines, or that does not answer, has one row too. */
export const byEngine = (executor: ExecutorState): readonly ExecutorRow[] =>
  executor.status === undefined || executor.status.engines.length === 0
    ? [{ executor }]
    : executor.status.engines.map((engine) => ({ executor, engine }));

function stateOf({ executor: { status } }: ExecutorRow): string {
  if (status === undefined) return "does not answer";
  return status.draining ? "draining" : "ready";
}

const busy = ({ running, slots }: EngineStatus): string => `${running} of ${slots}`;

/** The name of the account, and whether tasks could read its login. */
const loginOf = ({ account, brokered }: EngineStatus): string =>
  [account, brokered ? "" : "in the run"].filter(Boolean).join(", ");

/** Empty for an executor that does not say. */
function sandboxOf({ executor }: ExecutorRow): string {
  const sandbox = executor.status?.sandbox;
  if (!sandbox) return "";
  return sandbox.confined ? `network ${sandbox.network}` : "no";
}

export const EXECUTOR_COLUMNS: readonly Column<ExecutorRow>[] = [
  { header: "EXECUTOR", value: ({ executor }) => executor.executorId, min: 8 },
  { header: "STATE", value: stateOf, colour: stateColour },
  { header: "ENGINE", value: ({ engine }) => engine?.engine ?? "", min: 11 },
  { header: "VERSION", value: ({ engine }) => (engine ? engine.version || "unknown" : ""), min: 7, drop: 1 },
  { header: "RUNNING", value: ({ engine }) => (engine ? busy(engine) : "") },
  { header: "WARM", value: ({ engine }) => (engine ? String(engine.warm) : ""), align: "right", drop: 4 },
  { header: "LOGIN", value: ({ engine }) => (engine ? loginOf(engine) : ""), min: 6, drop: 2 },
  { header: "SANDBOX", value: sandboxOf, drop: 2 },
  { header: "ADDRESS", value: ({ executor }) => executor.address, drop: 5 },
];

export interface RunRow {
  readonly executorId: string;
  readonly run: RunStatus;
}

export const RUN_COLUMNS: readonly Column<RunRow>[] = [
  { header: "TASK", value: ({ run }) => shortId(run.taskId), only: "table" },
  { header: "TASK", value: ({ run }) => run.taskId, only: "wide" },
  { header: "EXECUTOR", value: ({ executorId }) => executorId, min: 8 },
  { header: "ENGINE", value: ({ run }) => run.engine, min: 8 },
  { header: "PID", value: ({ run }) => String(run.pid), align: "right" },
  { header: "FOR", value: ({ run }) => ageWords(run.startTime), align: "right", only: "table" },
  { header: "SINCE", value: ({ run }) => zonedTime(run.startTime), only: "wide" },
];
