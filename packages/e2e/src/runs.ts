import { readdir, readFile } from "node:fs/promises";

/** Living processes of a task's runs: every one inherits the executor's cookie, whatever session it moved to. */
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
    // It ended, or is another user's.
    return false;
  }
}
