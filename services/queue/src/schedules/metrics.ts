import { Counter, type Registry } from "prom-client";
import type { ScheduleObserver } from "./run-due.js";

export function observeSchedules(registry: Registry): ScheduleObserver {
  const runs = new Counter({
    name: "ccsp_queue_schedule_runs_total",
    help: "Runs of schedules: made a task, or were refused (each try)",
    labelNames: ["outcome"],
    registers: [registry],
  });
  return {
    made: () => runs.inc({ outcome: "made" }),
    refused: () => runs.inc({ outcome: "refused" }),
  };
}
