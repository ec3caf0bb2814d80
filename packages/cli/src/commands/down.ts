import { setTimeout as delay } from "node:timers/promises";
import { Command } from "commander";
import { CliError, EXIT } from "../exit.js";
import { type Io, note, sayJson } from "../io.js";
import { type FleetState, findFleet, isCcsp, stateDir } from "../state.js";

/** Longer than the drains of all services, one after the other, are likely to take. */
const STOP_LIMIT_MS = 90_000;
const POLL_MS = 100;

export function downCommand(io: Io): Command {
  return new Command("down")
    .description("stop the local fleet; tasks that wait stay in Redis for the next start")
    .option("--json", "print JSON")
    .addHelpText("after", "\nDoes nothing, successfully, when no fleet runs.")
    .action(async ({ json }: { json?: true }) => {
      const fleet = await findFleet(stateDir(io.env));
      if (fleet) {
        process.kill(fleet.pid, "SIGTERM");
        await untilGone(fleet);
      }
      if (json) sayJson(io, { stopped: fleet?.pid ?? null });
      else note(io, fleet ? "stopped" : "no fleet runs here");
    });
}

async function untilGone(fleet: FleetState): Promise<void> {
  const limit = Date.now() + STOP_LIMIT_MS;
  while (await isCcsp(fleet)) {
    if (Date.now() > limit) {
      throw new CliError(
        EXIT.failed,
        `the fleet (pid ${fleet.pid}) still runs after ${STOP_LIMIT_MS / 1000} s; see ccsp logs`,
      );
    }
    await delay(POLL_MS);
  }
}
