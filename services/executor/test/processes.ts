import { readFileSync } from "node:fs";
import { findProcesses } from "../src/supervision/kill.js";
import { EXECUTOR_ID } from "./rig.js";

/** Living processes of this executor's runs, or of one task's runs. */
export const processesOf = (taskId?: string): Promise<number[]> =>
  findProcesses(({ executorId, run }) => executorId === EXECUTOR_ID && (!taskId || run.startsWith(`${taskId}:`)));

export const commandLineOf = (pid: number): string => readFileSync(`/proc/${pid}/cmdline`, "utf8");

/** Bytes that a living process has written until now, to pipes and files. */
export const bytesWrittenBy = (pid: number): number =>
  Number(/^wchar: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, "utf8"))?.[1]);

/** Throws unless exactly `count` processes of the task live. Use it with `eventually`. */
export async function expectProcesses(count: number, taskId?: string): Promise<number[]> {
  const pids = await processesOf(taskId);
  if (pids.length !== count) throw new Error(`${pids.length} processes, not ${count}`);
  return pids;
}
