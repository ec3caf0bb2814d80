import { runFailure } from "@ccsp/engine-kit";

/** Nothing ran: what went wrong is for the operator, not for the agent. */
export const UNSTARTED = runFailure("ENGINE_CRASH", "the engine could not be started; the executor's log says why", {
  source: "CCSP",
});
