import { readFileSync, readlinkSync } from "node:fs";
import { basename } from "node:path";
import { findProcesses } from "../src/supervision/kill.js";
import { EXECUTOR_ID } from "./rig.js";

/** Living processes of this executor's runs, or of one task's runs. */
export const processesOf = (taskId?: string): Promise<number[]> =>
  findProcesses(({ executorId, run }) => executorId === EXECUTOR_ID && (!taskId || run.startsWith(`${taskId}:`)));

export const commandLineOf = (pid: number): string => readFileSync(`/proc/${pid}/cmdline`, "utf8");

/** Bytes that a living process has written until now, to pipes and files. */
export const bytesWrittenBy = (pid: number): number =>
  Number(/^wchar: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, "utf8"))?.[1]);

/** The programs that a sandbox runs beside the engine. */
const OF_SANDBOX = ["bwrap", "socat"];

function isOfSandbox(pid: number): boolean {
  try {
    return OF_SANDBOX.includes(basename(readlinkSync(`/proc/${pid}/exe`)));
  } catch {
    return true;
  }
}

/**
 * Throws unless exactly `count` processes of the task live. Those of a sandbox itself count only for 0. Use it with
 * `eventually`.
 */
export async function expectProcesses(count: number, taskId?: string): Promise<number[]> {
  const all = await processesOf(taskId);
  const pids = count === 0 ? all : all.filter((pid) => !isOfSandbox(pid));
  if (pids.length !== count) throw new Error(`${pids.length} processes, not ${count}`);
  return pids;
}
