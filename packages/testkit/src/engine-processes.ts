import { readFileSync, readlinkSync } from "node:fs";
import { basename } from "node:path";

/** The programs that a sandbox runs beside the engine for as long as the engine runs. */
const BESIDE = ["bwrap", "socat", "socat1"];
/**
 * Every shell that starts the proxy of a sandbox has this text in its command line. The proxy starts before the engine
 * (proxy-environment.ts of the executor).
 */
const STARTS = "TCP-LISTEN:";

/**
 * Returns those of these processes of runs that belong to the engines, without those of the sandboxes. Returns none
 * while a sandbox starts: its shells would count as an engine. Leaves out processes that have ended.
 */
export function engineProcesses(pids: readonly number[]): number[] {
  const others = pids.flatMap((pid) => {
    const program = programOf(pid);
    return program === undefined || BESIDE.includes(program.name) ? [] : [{ pid, ...program }];
  });
  return others.some(({ commandLine }) => commandLine.includes(STARTS)) ? [] : others.map(({ pid }) => pid);
}

/** Whether a sandbox runs this process beside the engine. */
export function isOfSandbox(pid: number): boolean {
  return BESIDE.includes(programOf(pid)?.name ?? "");
}

/** Undefined: the process has ended. */
function programOf(pid: number): { readonly name: string; readonly commandLine: string } | undefined {
  try {
    return {
      name: basename(readlinkSync(`/proc/${pid}/exe`)),
      commandLine: readFileSync(`/proc/${pid}/cmdline`, "utf8"),
    };
  } catch {
    return undefined;
  }
}
