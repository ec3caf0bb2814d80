import { setTimeout as delay } from "node:timers/promises";
import { askHealth, type PartProgress } from "@ccsp/fleet";
import { Command } from "commander";
import { type FleetState, findFleet, isCcsp, stateDir } from "../local-fleet/state.js";
import { type OutputOptions, withOutput } from "../output/format.js";
import { CliError, EXIT } from "../process/exit.js";
import { type Io, note, sayJson } from "../process/io.js";
import { createStartView, type StartView } from "../up/start-view.js";

/** Longer than the drains of all services, one after the other, are likely to take. */
const STOP_LIMIT_MS = 90_000;
const POLL_MS = 100;
/** A stop that takes less time needs no report. */
const QUIET_MS = 1_000;

export function downCommand(io: Io): Command {
  return withOutput(new Command("down"))
    .description("stop the local fleet; tasks that wait stay in Redis for the next start")
    .addHelpText(
      "after",
      `
Does nothing, successfully, when no fleet runs: the exit code is 0, and JSON has
"stopped": null. After a second, standard error says what still stops. Runs that
end meanwhile may take until CCSP_DRAIN_TIMEOUT (20 s).

Example:
  ccsp down`,
    )
    .action(async ({ json }: OutputOptions) => {
      const fleet = await findFleet(stateDir(io.env));
      if (fleet) {
        process.kill(fleet.pid, "SIGTERM");
        const view = createStartView(io, json === true);
        try {
          await untilGone(fleet, view);
        } finally {
          view.close();
        }
      }
      if (json) sayJson(io, { stopped: fleet?.pid ?? null });
      else note(io, fleet ? "stopped" : "no fleet runs here");
    });
}

async function untilGone(fleet: FleetState, view: StartView): Promise<void> {
  const since = Date.now();
  const stopping = new Set<string>();
  const gone = new Set<string>();
  const report = (part: string, state: PartProgress["state"]) =>
    view.show({ part, state, seconds: Math.round((Date.now() - since) / 100) / 10 });
  while (await isCcsp(fleet)) {
    if (Date.now() > since + STOP_LIMIT_MS) {
      throw new CliError(
        EXIT.failed,
        `the fleet (pid ${fleet.pid}) still runs after ${STOP_LIMIT_MS / 1000} s; see ccsp logs`,
      );
    }
    if (Date.now() > since + QUIET_MS) {
      const left = await whatAnswers(fleet);
      for (const part of left) if (!stopping.has(part)) report(part, "stopping");
      for (const part of stopping) if (!left.includes(part) && !gone.has(part)) report(part, "stopped");
      for (const part of stopping) if (!left.includes(part)) gone.add(part);
      for (const part of left) stopping.add(part);
    }
    await delay(POLL_MS);
  }
}

/** The replicas that still answer on their ops ports. */
async function whatAnswers({ services }: FleetState): Promise<readonly string[]> {
  const asked = await Promise.all(
    services.map(({ name, index, ports }) =>
      askHealth(ports.ops).then(
        () => `${name}-${index + 1}`,
        () => undefined,
      ),
    ),
  );
  return asked.filter((part) => part !== undefined);
}
