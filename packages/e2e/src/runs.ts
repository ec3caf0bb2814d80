import { readdir, readFile } from "node:fs/promises";

/**
 * Returns the pids of the processes that belong to runs of these tasks, with those of their sandboxes. Every such
 * process inherits the executor's cookie in its environment, also when it is in another session.
 */
export async function processesOf(taskIds: readonly string[]): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(pids.map(async (pid) => ((await isOf(pid, taskIds)) ? [Number(pid)] : [])));
  return found.flat();
}

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
