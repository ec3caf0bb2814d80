import { existsSync, readdirSync, readFileSync } from "node:fs";
import { eventually } from "./eventually.js";

export interface LeakCheck {
  /** Registers a folder that must not exist any more when `check` runs. */
  folder(path: string): void;
  /**
   * Rejects if child processes, handles or folders remain that did not exist at the start. It waits a short time for
   * them first. The error names each of them.
   */
  check(): Promise<void>;
}

const GRACE_MS = 2000;

/** Handles that do not count: those of the test runner and of `eventually`, and requests that end by themselves. */
const PASSING = /^(Timeout|Immediate|TickObject|.*Req(uest)?(Callback|Promise|Wrap)?|CloseReq)$/;

/**
 * Records the current child processes and handles, for an `afterEach` that fails if something is left over. Timers do
 * not count. It sees only direct child processes: a test must look by pid for a process that left its parent.
 */
export function leakCheck(): LeakCheck {
  const childrenBefore = new Set(children().keys());
  const handlesBefore = handles();
  const folders = new Set<string>();

  function leftovers(): string[] {
    const processes = [...children()]
      .filter(([pid]) => !childrenBefore.has(pid))
      .map(([pid, command]) => `process ${pid}: ${command}`);
    const open = [...handles()]
      .map(([kind, count]) => ({ kind, more: count - (handlesBefore.get(kind) ?? 0) }))
      .filter(({ more }) => more > 0)
      .map(({ kind, more }) => `${more} × ${kind}`);
    return [...processes, ...open, ...[...folders].filter(existsSync).map((path) => `folder ${path}`)];
  }

  return {
    folder(path) {
      folders.add(path);
    },
    async check() {
      await eventually(
        () => {
          const left = leftovers();
          if (left.length > 0) throw new Error(`left over: ${left.join("; ")}`);
        },
        { timeoutMs: GRACE_MS, what: "a clean end" },
      );
    },
  };
}

function handles(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) {
    if (!PASSING.test(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}

/**
 * Returns the command of each direct child by pid. Processes that have ended and wait to be reaped are not included.
 */
function children(): Map<number, string> {
  const found = new Map<number, string>();
  if (!existsSync("/proc/self/stat")) return found;
  for (const entry of readdirSync("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || parentOf(pid) !== process.pid) continue;
    const command = commandOf(pid);
    if (!isTranspiler(command)) found.set(pid, command);
  }
  return found;
}

/** State and parent follow the process name. The name is in brackets and may contain any character. */
function parentOf(pid: number): number | undefined {
  const stat = readProc(pid, "stat");
  const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return state === "Z" ? undefined : Number(parent);
}

function commandOf(pid: number): string {
  return readProc(pid, "cmdline").replaceAll("\0", " ").trim();
}

/** tsx starts esbuild when it imports the first file. That may be in the middle of a test. */
function isTranspiler(command: string): boolean {
  return command.includes("esbuild") && command.includes("--service");
}

/** Returns an empty text if the process has ended in the meantime. */
function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}
