import { readFileSync } from "node:fs";
import { engineProcesses } from "@ccsp/testkit";
import { findProcesses } from "../src/supervision/kill.js";
import { EXECUTOR_ID } from "./rig.js";

/** Living processes of this executor's runs, or of one task's runs, with those of their sandboxes. */
export const processesOf = (taskId?: string): Promise<number[]> =>
  findProcesses(({ executorId, run }) => executorId === EXECUTOR_ID && (!taskId || run.startsWith(`${taskId}:`)));

export const commandLineOf = (pid: number): string => readFileSync(`/proc/${pid}/cmdline`, "utf8");

/** Bytes that a living process has written until now, to pipes and files. */
export const bytesWrittenBy = (pid: number): number =>
  Number(/^wchar: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, "utf8"))?.[1]);

/**
 * Throws unless exactly `count` processes of engines live: of all runs, or of one task's runs. For none, also no
 * process of a sandbox may live. Use it with `eventually`.
 */
export async function expectProcesses(count: number, taskId?: string): Promise<number[]> {
  const all = await processesOf(taskId);
  const pids = count === 0 ? all : engineProcesses(all);
  if (pids.length !== count) throw new Error(`${pids.length} processes, not ${count}`);
  return pids;
}
