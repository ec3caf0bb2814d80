import type { RunResources } from "@ccsp/engine-kit";
import { type ProcessRow, readPssBytes, readStat, readTmpfsBytes } from "./proc.js";

/** For each limit, 0 means no limit. */
export interface TreeLimits {
  readonly memoryBytes: number;
  readonly processes: number;
}

export interface TreeOptions {
  readonly limits: TreeLimits;
  /** Called at every scan that finds a limit exceeded while the root lives. */
  readonly onOverrun: (why: "memory" | "processes") => void;
  /** Scans the host. The scan begins after this call. */
  readonly scan: () => Promise<void>;
  /** Processor time in ms of all processes that this process has waited for since the last call. */
  readonly newlyReapedMs: () => number;
  /** Called when the tree is no longer watched. */
  readonly onClose: () => void;
}

/** The processes of one run, as scans of the host find them. */
export class Tree {
  readonly #options: TreeOptions;
  #root: number | undefined;
  #members: readonly ProcessRow[] = [];
  /** Processor time of processes that are gone and that no member waited for. */
  #goneCpuMs = 0;
  #cpuMs: number | undefined;
  #peakMemoryBytes: number | undefined;

  constructor(options: TreeOptions) {
    this.#options = options;
  }

  /** The process that leads the session. Undefined before it starts and after this process has waited for it. */
  get root(): number | undefined {
    return this.#root;
  }

  /** The members at the last scan. */
  get members(): readonly ProcessRow[] {
    return this.#members;
  }

  /** The number of members at the last scan. */
  get processes(): number {
    return this.#members.length;
  }

  /**
   * Pages that processes share count for each of them. A number is undefined if no scan was made or the host cannot
   * measure it.
   */
  get resources(): RunResources {
    return { cpuMs: this.#cpuMs, peakMemoryBytes: this.#peakMemoryBytes };
  }

  /**
   * The memory now, with shared pages divided among their users by the kernel. 0 if unknown. Expensive: see
   * `readPssBytes`.
   */
  pssBytes(): number {
    const pids = new Set(this.#members.map(({ pid }) => pid));
    // No scan may have found the root yet.
    if (this.#root !== undefined) pids.add(this.#root);
    return sum([...pids], readPssBytes);
  }

  /** Sets the process that leads the session. */
  rootStarted(pid: number): void {
    this.#root = pid;
  }

  /** Reads the root only, before it returns: a run may be too short for a full scan. */
  glance(): void {
    const now = this.#root === undefined ? undefined : readStat(this.#root);
    if (now) this.#has(now.rssBytes);
  }

  /** To be called when the root's exit is known, before any await. */
  rootExited(): void {
    this.#members = this.#members.filter(({ pid }) => pid !== this.#root);
    this.#root = undefined;
    this.#goneCpuMs += this.#options.newlyReapedMs();
    this.#cpuMs = Math.max(this.#cpuMs ?? 0, this.#goneCpuMs);
  }

  /** The living processes of the tree, by a scan that begins after this call. */
  async scan(): Promise<readonly ProcessRow[]> {
    await this.#options.scan();
    return this.#members;
  }

  /**
   * To be called when a scan has found no process. A process with this cookie that appears later is a stray and is
   * killed.
   */
  close(): void {
    this.#options.onClose();
  }

  /** Takes the result of a scan. */
  take(rows: readonly ProcessRow[]): void {
    const now = new Set(rows.map(keyOf));
    const parents = new Set(this.#members.map(({ pid }) => pid));
    // If a process had a parent in the tree, its time is part of the parent's time.
    const orphans = this.#members.filter(
      (row) => !now.has(keyOf(row)) && !parents.has(row.parent) && row.pid !== this.#root,
    );
    this.#goneCpuMs += sum(orphans, (row) => row.cpuMs);
    this.#members = rows;
    if (rows.length === 0) return;
    const rssBytes = sum(rows, (row) => row.rssBytes);
    const fileBytes = readTmpfsBytes(rows.map(({ pid }) => pid));
    this.#has(rssBytes + (fileBytes ?? 0));
    this.#cpuMs = Math.max(this.#cpuMs ?? 0, this.#goneCpuMs + sum(rows, (row) => row.cpuMs));
    this.#judge(rssBytes, fileBytes);
  }

  #has(bytes: number): void {
    this.#peakMemoryBytes = Math.max(this.#peakMemoryBytes ?? 0, bytes);
  }

  #judge(rssBytes: number, fileBytes: number | undefined): void {
    const { onOverrun } = this.#options;
    const { processes, memoryBytes } = this.#options.limits;
    if (this.#root === undefined) return;
    if (processes > 0 && this.#members.length > processes) return onOverrun("processes");
    if (memoryBytes === 0) return;
    // A run that hides its files among many mounts is over its limit.
    if (fileBytes === undefined) return onOverrun("memory");
    if (rssBytes + fileBytes <= memoryBytes) return;
    // RSS counts shared pages more than once. The exact count is expensive, and is needed only now.
    if (this.pssBytes() + fileBytes > memoryBytes) onOverrun("memory");
  }
}

export const keyOf = ({ pid, started }: ProcessRow): string => `${pid} ${started}`;

const sum = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((total, item) => total + of(item), 0);
