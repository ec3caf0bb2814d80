import type { RunResources } from "@ccsp/engine-kit";
import { type ProcessRow, readPssBytes } from "./proc.js";

/** 0: no limit. */
export interface TreeLimits {
  readonly memoryBytes: number;
  readonly processes: number;
}

/** The processes of one run, as looks at the host find them. */
export interface Tree {
  /** The process that leads its session; undefined before it started and after it was waited for. */
  readonly root: number | undefined;
  /** As the last look found it. */
  readonly members: readonly ProcessRow[];
  /** Pages that processes share count for each of them. Undefined numbers: nobody looked, or nobody can. */
  readonly resources: RunResources;
  /** Memory as the kernel shares it out, now; 0 where it does not say. Dear: see `readPssBytes`. */
  pssBytes(): number;
  /** What leads its session now. */
  rootStarted(pid: number): void;
  /** What the root alone has now. */
  rootHas(rssBytes: number): void;
  /** `cpuMs`: the time of the root and of all that it waited for. */
  rootExited(cpuMs: number): void;
  /** What a look found. */
  take(rows: readonly ProcessRow[]): void;
}

/** `onOverrun` is called at every look that finds a limit passed while the root lives. */
export function createTree(limits: TreeLimits, onOverrun: (why: "memory" | "processes") => void): Tree {
  let root: number | undefined;
  let members: readonly ProcessRow[] = [];
  /** Of processes that are gone and that no member waited for. */
  let goneCpuMs = 0;
  let cpuMs: number | undefined;
  let peakMemoryBytes: number | undefined;

  function judge(rssBytes: number): void {
    if (root === undefined) return;
    if (limits.processes > 0 && members.length > limits.processes) return onOverrun("processes");
    if (limits.memoryBytes === 0 || rssBytes <= limits.memoryBytes) return;
    // Shared pages were counted more than once. The exact count is dear, and only needed now.
    if (pssBytes() > limits.memoryBytes) onOverrun("memory");
  }

  function pssBytes(): number {
    const pids = new Set(members.map(({ pid }) => pid));
    // Which no look may have found yet.
    if (root !== undefined) pids.add(root);
    return sum([...pids], readPssBytes);
  }

  return {
    get root() {
      return root;
    },
    get members() {
      return members;
    },
    get resources() {
      return { cpuMs, peakMemoryBytes };
    },
    pssBytes,
    rootStarted(pid) {
      root = pid;
    },
    rootHas(rssBytes) {
      peakMemoryBytes = Math.max(peakMemoryBytes ?? 0, rssBytes);
    },
    rootExited(rootCpuMs) {
      members = members.filter(({ pid }) => pid !== root);
      root = undefined;
      goneCpuMs += rootCpuMs;
      cpuMs = Math.max(cpuMs ?? 0, goneCpuMs);
    },
    take(rows) {
      const now = new Set(rows.map(keyOf));
      const parents = new Set(members.map(({ pid }) => pid));
      // Who had a parent in the tree is in its parent's time.
      const orphans = members.filter((row) => !now.has(keyOf(row)) && !parents.has(row.parent) && row.pid !== root);
      goneCpuMs += sum(orphans, (row) => row.cpuMs);
      members = rows;
      if (rows.length === 0) return;
      const rssBytes = sum(rows, (row) => row.rssBytes);
      peakMemoryBytes = Math.max(peakMemoryBytes ?? 0, rssBytes);
      cpuMs = Math.max(cpuMs ?? 0, goneCpuMs + sum(rows, (row) => row.cpuMs));
      judge(rssBytes);
    },
  };
}

export const keyOf = ({ pid, started }: ProcessRow): string => `${pid} ${started}`;

const sum = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((total, item) => total + of(item), 0);
