import { readFileSync, readlinkSync } from "node:fs";
import { basename } from "node:path";
import { findProcesses } from "../src/supervision/kill.js";
import { EXECUTOR_ID } from "./rig.js";

/**
 * Living processes of this executor's runs, or of one task's runs. Those of a sandbox itself are among them only if
 * nothing else is left.
 */
export async function processesOf(taskId?: string): Promise<number[]> {
  const all = await findProcesses(
    ({ executorId, run }) => executorId === EXECUTOR_ID && (!taskId || run.startsWith(`${taskId}:`)),
  );
  return withoutSandbox(all);
}

export function withoutSandbox(all: number[]): number[] {
  const engines = all.filter((pid) => !isOfSandbox(pid));
  return engines.length > 0 ? engines : all;
}

/** The programs that a sandbox runs beside the engine. */
const OF_SANDBOX = ["bwrap", "socat", "socat1"];

export function isOfSandbox(pid: number): boolean {
  try {
    return OF_SANDBOX.includes(basename(readlinkSync(`/proc/${pid}/exe`)));
  } catch {
    return false;
  }
}

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
