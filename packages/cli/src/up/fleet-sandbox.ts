import { pause } from "@ccsp/timing";
import { atGateway } from "../connection/operator.js";
import { sandboxLines } from "../describe/executors.js";
import type { FleetState } from "../local-fleet/state.js";
import type { Io } from "../process/io.js";

/** The queue knows an executor from its first call for work, which is soon after it is ready. */
const TRIES = 10;
const AGAIN_MS = 200;

/**
 * One line for each reason why runs of this local fleet have no sandbox. Empty when each run has one, and when the
 * executors do not say it within two seconds.
 */
export async function fleetSandboxLines(io: Io, { services }: FleetState): Promise<readonly string[]> {
  // The variables may name another installation.
  const here: Io = { ...io, env: { ...io.env, CCSP_GATEWAY: "", CCSP_TOKEN: "", CCSP_CA_FILE: "" } };
  const expected = services.filter(({ name }) => name === "executor").length;
  return atGateway(here, {}, async (gateway) => {
    for (let tries = 0; tries < TRIES; tries += 1) {
      if (tries > 0) await pause(AGAIN_MS);
      const { executors } = await gateway.listExecutors({});
      const answered = executors.filter(({ status }) => status);
      if (answered.length >= expected) return sandboxLines(answered);
    }
    return [];
  });
}
