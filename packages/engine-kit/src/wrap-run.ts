import type { EngineRun } from "./engine.js";
import type { RunHandle } from "./run-handle.js";

/** The part of a run that does not come from its processes. `stop` and `kill` are optional: see `runBy`. */
type RunParts = Pick<EngineRun, "events" | "outcome"> & Partial<Pick<EngineRun, "stop" | "kill">>;

/**
 * A run on the processes of `handle`. `stop` and `kill` of `told`, if it has them, replace those of the handle. The
 * getters show the current values of the handle.
 */
export const runBy = (handle: RunHandle, parts: RunParts): EngineRun => ({
  get pid() {
    return handle.pid;
  },
  get resources() {
    return handle.resources;
  },
  get processes() {
    return handle.processes;
  },
  broker: handle.broker,
  stop: () => handle.stop(),
  kill: () => handle.kill(),
  ...parts,
});

/** The same run, except for what `changes` has. */
export const wrapRun = (run: EngineRun, changes: Partial<RunParts>): EngineRun =>
  runBy(run, { events: run.events, outcome: run.outcome, ...changes });
