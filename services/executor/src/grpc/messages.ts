import type {
  EngineInfo,
  EngineStatus,
  HookStatus,
  RunStatus,
} from "@ccsp/protos/ccsp/executor/v1/executor_service.js";
import type { ExecutorReport } from "@ccsp/protos/ccsp/monitor/v1/fleet.js";
import { toDuration } from "@ccsp/protos/duration.js";
import type { Attempt } from "../domain/attempt.js";
import type { EngineStatus as Status } from "../domain/engine-slots.js";
import type { ExecutorStatus } from "../domain/executor.js";
import type { HookStatus as InstalledHook } from "../domain/hooks/hook-calls.js";

export const toEngineStatus = ({ engine, version, slots, running, warm, brokered }: Status): EngineStatus => ({
  engine: engine.name,
  version,
  slots,
  running,
  account: engine.account ?? "",
  warm,
  brokered,
});

/** What the monitor gets with each heartbeat. */
export const executorReport = ({ executorId, draining, engines }: ExecutorStatus): ExecutorReport => ({
  executorId,
  draining,
  engines: engines.map(({ engine, version, slots, running }) => ({ engine: engine.name, version, slots, running })),
});

export const toEngineInfo = (status: Status): EngineInfo => ({
  status: toEngineStatus(status),
  minimumVersion: status.minimumVersion ?? "",
  capabilities: [...status.engine.capabilities.takes],
  origin: status.origin,
});

export const toRunStatus = ({ lease, pid, startedAt }: Attempt): RunStatus => ({
  taskId: lease.taskId,
  engine: lease.engine,
  pid: pid ?? 0,
  startTime: startedAt,
});

export const toHookStatus = ({
  name,
  origin,
  points,
  required,
  timeoutMs,
  calls,
  failures,
}: InstalledHook): HookStatus => ({
  name,
  origin,
  points: [...points],
  required,
  timeout: toDuration(timeoutMs),
  calls: BigInt(calls),
  failures: BigInt(failures),
});
