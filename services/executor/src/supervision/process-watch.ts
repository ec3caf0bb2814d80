import type { RunResources } from "@ccsp/engine-kit";
import type { Logger } from "pino";
import { signal } from "./kill.js";
import { createProcessTable, type ProcessRow, readStat, reapedCpuMs } from "./proc.js";
import { createTree, keyOf, type Tree, type TreeLimits } from "./tree.js";

export interface ProcessWatchOptions {
  /** How the cookies of all runs of this boot begin. */
  readonly prefix: string;
  readonly log: Logger;
}

/** Looks at all processes of the host at a steady rate, once for all runs. */
export interface ProcessWatch {
  /** Watches for processes with this cookie, before the first of them starts. Throws when that is being watched already. */
  add(cookie: string, limits: TreeLimits, onOverrun: (why: "memory" | "processes") => void): WatchedTree;
  close(): void;
}

export interface WatchedTree {
  readonly resources: RunResources;
  /** As the last look found it. */
  readonly processes: number;
  /** See `Tree.pssBytes`. */
  pssBytes(): number;
  rootStarted(pid: number): void;
  /** Looks at the root alone, before it returns: a run may be too short for a look at all of it. */
  glance(): void;
  /** To be called when the root's exit is told, before anything is awaited. */
  rootExited(): void;
  /** Its living processes, by a look that begins after this call. */
  look(): Promise<readonly ProcessRow[]>;
  /** Call it when a look has found none: a process with this cookie that turns up later is a stray, and is killed. */
  close(): void;
}

/** While there are runs. A process that eats a gigabyte a second passes its limit by half of that. */
const LOOK_MS = 500;
/** While there are none: only strays are looked for. */
const SWEEP_MS = 10_000;

export function createProcessWatch({ prefix, log }: ProcessWatchOptions): ProcessWatch {
  const table = createProcessTable();
  const trees = new Map<string, Tree>();
  let reapedMs = reapedCpuMs();
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  const look = inTurn(async () => {
    const before = new Set(trees.keys());
    const rows = await table.read();
    const owners = ownersOf(rows, trees);
    const found = new Map<Tree, ProcessRow[]>([...trees.values()].map((tree) => [tree, []]));
    for (const row of rows.values()) {
      const owner = owners.get(row.pid);
      if (owner) found.get(owner)?.push(row);
      // One that was watched when the look began may have ended during it.
      else if (row.cookie.startsWith(prefix) && !before.has(row.cookie)) end(row);
    }
    for (const [tree, members] of found) tree.take(members);
  });

  function end({ pid, cookie }: ProcessRow): void {
    log.warn({ pid, cookie }, "ended a process that outlived its run");
    signal(pid, "SIGKILL");
  }

  async function tick(): Promise<void> {
    await look().catch((err: unknown) => log.error({ err }, "processes could not be looked at"));
    if (!closed) schedule();
  }

  function schedule(): void {
    clearTimeout(timer);
    timer = setTimeout(() => void tick(), trees.size > 0 ? LOOK_MS : SWEEP_MS);
    // What is watched keeps the process alive; watching does not.
    timer.unref();
  }
  schedule();

  return {
    add(cookie, limits, onOverrun) {
      if (trees.has(cookie)) throw new Error(`two runs at once have the name ${cookie}`);
      const tree = createTree(limits, onOverrun);
      trees.set(cookie, tree);
      if (trees.size === 1) schedule();
      return {
        get resources() {
          return tree.resources;
        },
        get processes() {
          return tree.members.length;
        },
        pssBytes: () => tree.pssBytes(),
        rootStarted: (pid) => tree.rootStarted(pid),
        glance() {
          const now = tree.root === undefined ? undefined : readStat(tree.root);
          if (now) tree.rootHas(now.rssBytes);
        },
        rootExited() {
          // Runs that are waited for in the same moment share what the first of them is given.
          const now = reapedCpuMs();
          tree.rootExited(now - reapedMs);
          reapedMs = now;
        },
        async look() {
          await look();
          return tree.members;
        },
        close: () => void trees.delete(cookie),
      };
    },
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}

/**
 * Whose each process is: by its cookie; by its session, while that has its leader; by having been a member before; by its parent.
 * So one that cleared its environment and left its session is still found if a look saw it before its parent was gone.
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

/** Whoever calls while `work` is under way shares the next turn with all others who do. */
function inTurn(work: () => Promise<void>): () => Promise<void> {
  let current: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  const begin = (): Promise<void> => {
    current = work().finally(() => {
      current = undefined;
    });
    return current;
  };
  return () => {
    if (current === undefined) return begin();
    next ??= current
      .catch(() => {})
      .then(() => {
        next = undefined;
        return current ?? begin();
      });
    return next;
  };
}
