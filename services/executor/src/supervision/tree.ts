import type { RunResources } from "@ccsp/engine-kit";
import { type ProcessRow, readPssBytes, readStat } from "./proc.js";

/** 0: no limit. */
export interface TreeLimits {
  readonly memoryBytes: number;
  readonly processes: number;
}

export interface TreeOptions {
  readonly limits: TreeLimits;
  /** Called at every look that finds a limit passed while the root lives. */
  readonly onOverrun: (why: "memory" | "processes") => void;
  /** Has the host looked at, by a look that begins after this call. */
  readonly look: () => Promise<void>;
  /** Processor time of all that this process has waited for since the last call. */
  readonly newlyReapedMs: () => number;
  /** The tree is watched no more. */
  readonly onClose: () => void;
}

/** The processes of one run, as looks at the host find them. */
export class Tree {
  readonly #options: TreeOptions;
  #root: number | undefined;
  #members: readonly ProcessRow[] = [];
  /** Of processes that are gone and that no member waited for. */
  #goneCpuMs = 0;
  #cpuMs: number | undefined;
  #peakMemoryBytes: number | undefined;

  constructor(options: TreeOptions) {
    this.#options = options;
  }

  /** The process that leads its session; undefined before it started and after it was waited for. */
  get root(): number | undefined {
    return this.#root;
  }

  /** As the last look found it. */
  get members(): readonly ProcessRow[] {
    return this.#members;
  }

  /** How many it has, as the last look found it. */
  get processes(): number {
    return this.#members.length;
  }

  /** Pages that processes share count for each of them. Undefined numbers: nobody looked, or nobody can. */
  get resources(): RunResources {
    return { cpuMs: this.#cpuMs, peakMemoryBytes: this.#peakMemoryBytes };
  }

  /** Memory as the kernel shares it out, now; 0 where it does not say. Dear: see `readPssBytes`. */
  pssBytes(): number {
    const pids = new Set(this.#members.map(({ pid }) => pid));
    // Which no look may have found yet.
    if (this.#root !== undefined) pids.add(this.#root);
    return sum([...pids], readPssBytes);
  }

  /** What leads its session now. */
  rootStarted(pid: number): void {
    this.#root = pid;
  }

  /** Looks at the root alone, before it returns: a run may be too short for a look at all of it. */
  glance(): void {
    const now = this.#root === undefined ? undefined : readStat(this.#root);
    if (now) this.#has(now.rssBytes);
  }

  /** To be called when the root's exit is told, before anything is awaited. */
  rootExited(): void {
    this.#members = this.#members.filter(({ pid }) => pid !== this.#root);
    this.#root = undefined;
    this.#goneCpuMs += this.#options.newlyReapedMs();
    this.#cpuMs = Math.max(this.#cpuMs ?? 0, this.#goneCpuMs);
  }

  /** Its living processes, by a look that begins after this call. */
  async look(): Promise<readonly ProcessRow[]> {
    await this.#options.look();
    return this.#members;
  }

  /** Call it when a look has found none: a process with this cookie that turns up later is a stray, and is killed. */
  close(): void {
    this.#options.onClose();
  }

  /** What a look found. */
  take(rows: readonly ProcessRow[]): void {
    const now = new Set(rows.map(keyOf));
    const parents = new Set(this.#members.map(({ pid }) => pid));
    // One that had a parent in the tree is in its parent's time.
    const orphans = this.#members.filter(
      (row) => !now.has(keyOf(row)) && !parents.has(row.parent) && row.pid !== this.#root,
    );
    this.#goneCpuMs += sum(orphans, (row) => row.cpuMs);
    this.#members = rows;
    if (rows.length === 0) return;
    const rssBytes = sum(rows, (row) => row.rssBytes);
    this.#has(rssBytes);
    this.#cpuMs = Math.max(this.#cpuMs ?? 0, this.#goneCpuMs + sum(rows, (row) => row.cpuMs));
    this.#judge(rssBytes);
  }

  #has(rssBytes: number): void {
    this.#peakMemoryBytes = Math.max(this.#peakMemoryBytes ?? 0, rssBytes);
  }

  #judge(rssBytes: number): void {
    const { onOverrun } = this.#options;
    const { processes, memoryBytes } = this.#options.limits;
    if (this.#root === undefined) return;
    if (processes > 0 && this.#members.length > processes) return onOverrun("processes");
    if (memoryBytes === 0 || rssBytes <= memoryBytes) return;
    // Shared pages were counted more than once. The exact count is dear, and only needed now.
    if (this.pssBytes() > memoryBytes) onOverrun("memory");
  }
}

export const keyOf = ({ pid, started }: ProcessRow): string => `${pid} ${started}`;

const sum = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((total, item) => total + of(item), 0);
