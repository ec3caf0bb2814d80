import type { EngineRun } from "./engine.js";
import type { RunHandle } from "./run-handle.js";

/** What a run adds to its processes. */
type Told = Pick<EngineRun, "events" | "outcome"> & Partial<Pick<EngineRun, "stop" | "kill">>;

/** A run by the processes of `handle`, with another way to end them where `told` has one; what can change in the handle goes on changing. */
export const runBy = (handle: RunHandle, told: Told): EngineRun => ({
  get pid() {
    return handle.pid;
  },
  get resources() {
    return handle.resources;
  },
  get processes() {
    return handle.processes;
  },
  stop: () => handle.stop(),
  kill: () => handle.kill(),
  ...told,
});

/** The same run, but for what `changes` has. */
export const wrapRun = (run: EngineRun, changes: Partial<Told>): EngineRun =>
  runBy(run, { events: run.events, outcome: run.outcome, ...changes });
