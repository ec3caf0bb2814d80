import { spawn } from "node:child_process";
import { open, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { PRIVATE_FILE } from "@ccsp/fleet";
import { CliError, EXIT } from "../exit.js";
import { type FleetState, findFleet, ROOT, type StateDir } from "../state.js";
import { backgroundEnv } from "./fleet-env.js";
import type { FolderLock } from "./folder-lock.js";

const START_LIMIT_MS = 90_000;
const POLL_MS = 100;

/** Number of the file descriptor with which a fleet in the background holds the lock on its folder. */
export const LOCK_FD = 3;

/**
 * Starts `ccsp up` as a separate process, which shares the lock, and waits until the fleet is ready. When the fleet
 * does not become ready, throws an error with the end of the log.
 */
export async function startInBackground(
  env: Readonly<Record<string, string | undefined>>,
  { state, lock }: { readonly state: StateDir; readonly lock: FolderLock },
  args: readonly string[],
): Promise<FleetState> {
  // The fleet writes its log itself. This file descriptor is for what Node prints when the fleet's process crashes.
  const log = await open(state.logFile, "a", PRIVATE_FILE);
  const { size } = await log.stat();
  const child = spawn(process.execPath, [join(ROOT, "packages/cli/bin/ccsp.js"), "up", "--background", ...args], {
    detached: true,
    stdio: ["ignore", log.fd, log.fd, lock.fd],
    env: backgroundEnv(env),
    cwd: ROOT,
  });
  await log.close();
  // A program that cannot be started has no pid. It ends the wait in the same way as a program that has ended.
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
  const tail = await endOf(state.logFile, size);
  throw new CliError(EXIT.failed, `the fleet did not start; the end of ${state.logFile}:`, tail);
}

/** The last lines of a log, only from the part after `size` bytes. The part before belongs to earlier fleets. */
async function endOf(path: string, size: number): Promise<readonly string[]> {
  const log = await stat(path).catch(() => undefined);
  if (!log?.isFile()) return ["(it cannot be read)"];
  const bytes = await readFile(path);
  // When the file is shorter than `size`, a new file was begun.
  const text = bytes.subarray(bytes.length < size ? 0 : size).toString();
  return text.trimEnd().split("\n").slice(-10);
}
