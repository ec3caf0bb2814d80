import { runFailure } from "@ccsp/engine-kit";

/** No engine ran. The details are for the operator, not for the agent. */
export const UNSTARTED = runFailure("ENGINE_CRASH", "the engine could not be started; the executor's log says why", {
  source: "CCSP",
});

/** What a run counted, where there was no run. */
export const NOTHING_RAN = { usage: undefined, costUsd: undefined, model: undefined };
