import { inTurn } from "@ccsp/timing";
import type { Logger } from "pino";
import { signal } from "./kill.js";
import { createProcessTable, type ProcessRow, reapedCpuMs } from "./proc.js";
import { keyOf, Tree, type TreeLimits, type TreeOptions } from "./tree.js";

export interface ProcessWatchOptions {
  /** The prefix of the cookies of all runs of this boot. */
  readonly prefix: string;
  readonly log: Logger;
}

/** Interval while there are runs. A process that takes a gigabyte a second can exceed its limit by half a gigabyte. */
const SCAN_MS = 500;
/** Interval while there are no runs. Then the scans only search for strays. */
const SWEEP_MS = 10_000;

/** Scans all processes of the host at a fixed interval, once for all runs. */
export class ProcessWatch {
  readonly #options: ProcessWatchOptions;
  readonly #table = createProcessTable();
  readonly #trees = new Map<string, Tree>();
  readonly #scan = inTurn(() => this.#scanAll());
  #reapedMs = reapedCpuMs();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: ProcessWatchOptions) {
    this.#options = options;
    this.#schedule();
  }

  /**
   * Begins to watch for processes with this cookie. To be called before the first of them starts. Throws if the cookie
   * is watched already.
   */
  add(cookie: string, limits: TreeLimits, onOverrun: TreeOptions["onOverrun"]): Tree {
    if (this.#trees.has(cookie)) throw new Error(`two runs at once have the name ${cookie}`);
    const tree = new Tree({
      limits,
      onOverrun,
      scan: this.#scan,
      newlyReapedMs: () => this.#newlyReapedMs(),
      onClose: () => void this.#trees.delete(cookie),
    });
    this.#trees.set(cookie, tree);
    if (this.#trees.size === 1) this.#schedule();
    return tree;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  /** Runs whose processes are waited for at the same moment share this time: the first caller gets all of it. */
  #newlyReapedMs(): number {
    const before = this.#reapedMs;
    this.#reapedMs = reapedCpuMs();
    return this.#reapedMs - before;
  }

  async #scanAll(): Promise<void> {
    const before = new Set(this.#trees.keys());
    const rows = await this.#table.read();
    const owners = ownersOf(rows, this.#trees);
    const found = new Map<Tree, ProcessRow[]>([...this.#trees.values()].map((tree) => [tree, []]));
    for (const row of rows.values()) {
      const owner = owners.get(row.pid);
      if (owner) found.get(owner)?.push(row);
      // `before` has the trees at the start of the scan: a run may have ended during it, and is not a stray.
      else if (row.cookie.startsWith(this.#options.prefix) && !before.has(row.cookie)) this.#end(row);
    }
    for (const [tree, members] of found) tree.take(members);
  }

  #end({ pid, cookie }: ProcessRow): void {
    this.#options.log.warn({ pid, cookie }, "ended a process that outlived its run");
    signal(pid, "SIGKILL");
  }

  async #tick(): Promise<void> {
    await this.#scan().catch((err: unknown) => this.#options.log.error({ err }, "processes could not be checked"));
    if (!this.#closed) this.#schedule();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#tick(), this.#trees.size > 0 ? SCAN_MS : SWEEP_MS);
    // The timer must not keep this Node process alive. The runs themselves do.
    this.#timer.unref();
  }
}

/**
 * Finds the run of each process. A process belongs to a run by its cookie; by its session, while the session has its
 * leader; because it was a member before; or by its parent. So a process that cleared its environment and left its
 * session is still found if a scan saw it before its parent was gone.
 */
function ownersOf(rows: ReadonlyMap<number, ProcessRow>, trees: ReadonlyMap<string, Tree>): Map<number, Tree> {
  const leaders = new Map<number, Tree>();
  const known = new Map<string, Tree>();
  for (const tree of trees.values()) {
    if (tree.root !== undefined) leaders.set(tree.root, tree);
    for (const member of tree.members) known.set(keyOf(member), tree);
  }
  const own = (row: ProcessRow) =>
    trees.get(row.cookie) ?? leaders.get(row.pid) ?? leaders.get(row.session) ?? known.get(keyOf(row));
  const owners = new Map<number, Tree>();
  const settled = new Set<number>();
  for (const start of rows.values()) {
    const path: number[] = [];
    let owner: Tree | undefined;
    for (let row: ProcessRow | undefined = start; row && owner === undefined; row = rows.get(row.parent)) {
      owner = owners.get(row.pid);
      if (settled.has(row.pid)) break;
      settled.add(row.pid);
      path.push(row.pid);
      owner = own(row);
    }
    for (const pid of path) if (owner) owners.set(pid, owner);
  }
  return owners;
}
