import { readdir, readFile } from "node:fs/promises";

/**
 * The living processes of a group. A zombie does not count, because it only waits for its parent. Empty on a host
 * without /proc.
 */
export async function livingInGroup(group: number): Promise<readonly number[]> {
  const living: number[] = [];
  for (const pid of await processIds()) {
    const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => "");
    // The fields after the command's name, which may hold spaces and brackets, are: state, parent, group.
    const [state, , pgrp] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (Number(pgrp) === group && state !== "Z" && state !== "X") living.push(pid);
  }
  return living;
}

/** The command line of every process that this user may read. */
export async function commandLines(): Promise<readonly string[]> {
  const read = (pid: number) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  return await Promise.all((await processIds()).map(read));
}

async function processIds(): Promise<readonly number[]> {
  const entries = await readdir("/proc").catch(() => []);
  return entries.map(Number).filter((pid) => Number.isInteger(pid));
}
