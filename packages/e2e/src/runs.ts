import { readdir, readFile, readlink } from "node:fs/promises";
import { basename } from "node:path";

/**
 * Returns the pids of the processes that belong to runs of these tasks. Every such process inherits the executor's
 * cookie in its environment, also when it is in another session. The processes of a sandbox itself are among them only
 * if nothing else is left.
 */
export async function processesOf(taskIds: readonly string[]): Promise<number[]> {
  const all = await allProcessesOf(taskIds);
  const ofSandbox = await Promise.all(all.map(isOfSandbox));
  const engines = all.filter((_, index) => !ofSandbox[index]);
  return engines.length > 0 ? engines : all;
}

/** The same, always with the processes of a sandbox itself. */
export async function allProcessesOf(taskIds: readonly string[]): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(pids.map(async (pid) => ((await isOf(pid, taskIds)) ? [Number(pid)] : [])));
  return found.flat();
}

/** The programs that a sandbox runs beside the engine. */
const OF_SANDBOX = ["bwrap", "socat", "socat1"];

const isOfSandbox = (pid: number): Promise<boolean> =>
  readlink(`/proc/${pid}/exe`).then(
    (path) => OF_SANDBOX.includes(basename(path)),
    () => false,
  );

async function isOf(pid: string, taskIds: readonly string[]): Promise<boolean> {
  try {
    const environment = (await readFile(`/proc/${pid}/environ`, "utf8")).split("\0");
    const cookie = environment.find((entry) => entry.startsWith("CCSP_RUN=")) ?? "";
    return taskIds.some((id) => cookie.includes(`/${id}:`));
  } catch {
    // The process has ended, or it belongs to another user.
    return false;
  }
}
