import { existsSync, readdirSync, readFileSync } from "node:fs";
import { eventually } from "./eventually.js";

export interface LeakCheck {
  /** A folder that must be gone when the check is made. */
  folder(path: string): void;
  /** Rejects, after a moment's grace, naming every child process, handle and folder that was not there at the start. */
  check(): Promise<void>;
}

const GRACE_MS = 2000;

/** Not counted: what a test runner and `eventually` have themselves, and requests that end by themselves. */
const PASSING = /^(Timeout|Immediate|TickObject|.*Req(uest)?(Callback|Promise|Wrap)?|CloseReq)$/;

/**
 * Remembers the children and handles of now, for an `afterEach` that fails on leftovers. Timers are not counted. Of
 * processes only direct children are seen: one that left its parent has to be looked for by its pid.
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

/** Direct children by pid, without those that ended and wait to be reaped. */
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

/** After the name in brackets, which may hold anything, come state and parent. */
function parentOf(pid: number): number | undefined {
  const stat = readProc(pid, "stat");
  const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return state === "Z" ? undefined : Number(parent);
}

function commandOf(pid: number): string {
  return readProc(pid, "cmdline").replaceAll("\0", " ").trim();
}

/** tsx starts esbuild when the first file is imported, which may be in the middle of a test. */
function isTranspiler(command: string): boolean {
  return command.includes("esbuild") && command.includes("--service");
}

/** Empty when the process is gone meanwhile. */
function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}
