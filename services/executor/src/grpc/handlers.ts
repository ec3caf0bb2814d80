import type { Handlers } from "@ccsp/grpc-kit";
import type { ExecutorServiceService } from "@ccsp/protos/ccsp/executor/v1/executor_service.js";
import type { Executor } from "../domain/executor.js";

export function executorHandlers(executor: Executor): Partial<Handlers<ExecutorServiceService>> {
  return {
    async getExecutorStatus() {
      const { executorId, bootId, draining, engines, attempts } = executor.status();
      return {
        executorId,
        bootId,
        draining,
        engines: engines.map(({ engine, version, slots, running }) => ({
          engine: engine.name,
          version,
          slots,
          running,
          account: "",
          warm: 0,
        })),
        runs: attempts.map(({ lease, pid, startedAt }) => ({
          taskId: lease.taskId,
          engine: lease.engine,
          pid: pid ?? 0,
          startTime: startedAt,
        })),
      };
    },
  };
}
