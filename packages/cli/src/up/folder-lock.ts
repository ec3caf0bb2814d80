import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { PRIVATE_FILE } from "@ccsp/private-files";
import { findFleet, type StateDir } from "../local-fleet/state.js";
import { CliError, EXIT } from "../process/exit.js";

/** The right to run a fleet in a folder. */
export interface FolderLock {
  /**
   * File descriptor of the lock. Every process that has it open shares the lock. The lock is free when the last of
   * these processes has ended, in any way.
   */
  readonly fd: number;
  close(): void;
}

/** Exit code with which `flock` reports that another process holds the lock. */
const CONFLICT = 1;
/**
 * After a fleet was killed, its Redis and services end by themselves when they have drained. Until then they share the
 * lock.
 */
const LEFTOVERS_MS = 45_000;

/**
 * Locks the folder for one fleet. The kernel keeps the lock (flock) while a process has the file open. So a crash
 * leaves no lock behind, and no process id has to be trusted. Node has no call for this lock, so `flock` of util-linux
 * takes it on our open file. When another process holds the lock, throws an error that names it.
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

/** The lock that this process already has, because it was started with the file open. */
export function heldLock(fd: number): FolderLock {
  // The pid is only for the message that another command shows; it is not the lock. On a full disk, it may not be
  // written.
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
  warn(`waiting for processes that a killed fleet has left running in ${state.path} …`);
  if ((await flock(fd, LEFTOVERS_MS)) !== "busy") return;
  throw new CliError(
    EXIT.failed,
    `a fleet that was killed left a process behind that may still write in ${state.path}: find it with ` +
      `\`fuser -v ${state.lockFile}\` and end it`,
  );
}

/** Tries to lock an open file, and waits at most `waitMs`. */
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
