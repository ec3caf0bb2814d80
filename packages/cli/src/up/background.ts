import { spawn } from "node:child_process";
import { mkdir, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { CliError, EXIT } from "../exit.js";
import { type FleetState, findFleet, ROOT, type StateDir } from "../state.js";
import { backgroundEnv } from "./fleet-env.js";

const START_LIMIT_MS = 90_000;
const POLL_MS = 100;

/** Starts `ccsp up` as a process of its own and waits until the fleet is ready. Throws with the log's end when it did not become so. */
export async function startInBackground(
  env: Readonly<Record<string, string | undefined>>,
  state: StateDir,
  args: readonly string[],
): Promise<FleetState> {
  await mkdir(state.path, { recursive: true });
  const log = await open(state.logFile, "w");
  const child = spawn(process.execPath, [join(ROOT, "packages/cli/bin/ccsp.js"), "up", "--json", ...args], {
    detached: true,
    stdio: ["ignore", log.fd, log.fd],
    env: backgroundEnv(env),
    cwd: ROOT,
  });
  await log.close();
  // A program that cannot be started has no pid, and ends the wait as one that ended does.
  child.on("error", () => undefined);
  const ended = () => child.pid === undefined || child.exitCode !== null || child.signalCode !== null;

  const limit = Date.now() + START_LIMIT_MS;
  while (!ended() && Date.now() < limit) {
    const fleet = await findFleet(state);
    if (fleet?.pid === child.pid && fleet?.ready) {
      child.unref();
      return fleet;
    }
    await delay(POLL_MS);
  }
  if (!ended()) child.kill("SIGTERM");
  const tail = (await readFile(state.logFile, "utf8")).trimEnd().split("\n").slice(-10).join("\n");
  throw new CliError(EXIT.failed, `the fleet did not start; the end of ${state.logFile}:\n${tail}`);
}
