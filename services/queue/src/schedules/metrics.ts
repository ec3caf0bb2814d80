import { declareCounter } from "@ccsp/metrics";
import type { Registry } from "prom-client";
import type { ScheduleObserver } from "./run-due.js";

const RUNS = declareCounter({
  name: "ccsp_queue_schedule_runs_total",
  help: "Runs of schedules: made a task, or were refused (each try)",
  labels: { outcome: ["made", "refused"] },
});

export function observeSchedules(registry: Registry): ScheduleObserver {
  const runs = RUNS(registry);
  return {
    made: () => runs.inc({ outcome: "made" }),
    refused: () => runs.inc({ outcome: "refused" }),
  };
}
