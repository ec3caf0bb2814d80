import type { EngineRun } from "./engine.js";

/** The same run, but for what `changes` has; what can change in the run goes on changing. */
export function wrapRun(
  run: EngineRun,
  changes: Partial<Pick<EngineRun, "events" | "outcome" | "stop" | "kill">>,
): EngineRun {
  return {
    get pid() {
      return run.pid;
    },
    get resources() {
      return run.resources;
    },
    get processes() {
      return run.processes;
    },
    events: run.events,
    outcome: run.outcome,
    stop: () => run.stop(),
    kill: () => run.kill(),
    ...changes,
  };
}
