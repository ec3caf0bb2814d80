import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { PRIVATE_FILE } from "@ccsp/fleet";
import { CliError, EXIT } from "../exit.js";
import { findFleet, type StateDir } from "../state.js";

/** The right to run a fleet in a folder. */
export interface FolderLock {
  /** A process that has it open shares the lock: it is free when the last of them is gone, however it went. */
  readonly fd: number;
  close(): void;
}

/** How `flock` says that somebody else has the lock. */
const CONFLICT = 1;
/** Redis and services of a fleet that was killed end by themselves, after their drain, and share the lock as long. */
const LEFTOVERS_MS = 45_000;

/**
 * Takes the folder for one fleet. The kernel keeps the lock (flock), for as long as a process has the file open: nothing is left of it
 * after a crash, and no process id has to be trusted. Node cannot ask for it, so that util-linux's `flock` does, on our open file.
 * Throws, saying who has the folder, when somebody else does.
 */
export async function lockFolder(state: StateDir, warn: (message: string) => void): Promise<FolderLock> {
  const fd = openSync(state.lockFile, "a+", PRIVATE_FILE);
  try {
    await take(fd, state, warn);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return heldLock(fd);
}

/** The lock that this process has already, as one that was started with it open has. */
export function heldLock(fd: number): FolderLock {
  // For the message to whoever comes next; the lock is not this text. A full disk may not take it.
  try {
    ftruncateSync(fd);
    writeSync(fd, `${process.pid}\n`);
  } catch {}
  return { fd, close: () => closeSync(fd) };
}

async function take(fd: number, state: StateDir, warn: (message: string) => void): Promise<void> {
  const taken = await flock(fd, 0);
  if (taken === "impossible") {
    warn(`${state.path} cannot be locked (with \`flock\`, of util-linux): nothing keeps a second \`ccsp up\` from it`);
  }
  if (taken !== "busy") return;
  const fleet = await findFleet(state);
  if (fleet) throw new CliError(EXIT.usage, `a fleet runs already (pid ${fleet.pid}); stop it with \`ccsp down\``);
  const holder = Number(readFileSync(state.lockFile, "utf8"));
  if (lives(holder)) {
    throw new CliError(
      EXIT.usage,
      `another \`ccsp up\` (pid ${holder}) is starting or stopping a fleet in ${state.path}`,
    );
  }
  warn(`waiting for what a fleet that was killed has left running in ${state.path} …`);
  if ((await flock(fd, LEFTOVERS_MS)) !== "busy") return;
  throw new CliError(
    EXIT.failed,
    `a fleet that was killed left a process behind that may still write in ${state.path}: find it with ` +
      `\`fuser -v ${state.lockFile}\` and end it`,
  );
}

/** Asks for the lock of an open file, for at most so long. */
async function flock(fd: number, waitMs: number): Promise<"taken" | "busy" | "impossible"> {
  const patience = waitMs === 0 ? ["-n"] : ["-w", String(waitMs / 1000)];
  const child = spawn("flock", ["-x", ...patience, "3"], { stdio: ["ignore", "ignore", "ignore", fd] });
  try {
    const [code] = await once(child, "exit");
    if (code === 0) return "taken";
    return code === CONFLICT ? "busy" : "impossible";
  } catch {
    return "impossible";
  }
}

function lives(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
