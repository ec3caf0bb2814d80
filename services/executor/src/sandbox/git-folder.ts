import { dirname, join, relative, resolve } from "node:path";
import { FileRefused, type OpenFolder } from "@ccsp/engine-kit";
import { isWithin } from "./mounts.js";

/** An open folder that a run can write, with its path. */
export interface Place {
  readonly path: string;
  readonly open: OpenFolder;
}

/** The folder in which git keeps the history and the settings of a repository: `.git` of its main checkout. */
export interface GitFolder extends Place {
  /** A run in the checkout may write it. */
  readonly writable: boolean;
}

/** `.git`, `commondir` and `gitdir` have a path. */
const MOST_LINE = 4_096;
const MOST_CONFIG = 64 * 1024;

/**
 * Opens what `.git` of a worktree or of a submodule leads to. A task can write `.git`, so it is a claim only: the folder
 * has to be inside the allowed root without a link on its path, and has to be one of git. A run may write it if the
 * folder itself names this checkout, because a task that may write only the checkout cannot make that. Undefined: there
 * is no such folder, or `.git` is a folder. The caller closes it.
 */
export async function openGitFolder(root: Place, checkout: Place): Promise<GitFolder | undefined> {
  const named = /^gitdir: (.+)$/s.exec((await lineIn(checkout.open, ".git")) ?? "")?.[1];
  if (named === undefined) return undefined;
  const path = resolve(checkout.path, named);
  const own = await openInside(root, path);
  if (own === undefined) return undefined;
  const opened = [own];
  try {
    // A worktree has a folder of its own in the one that it shares.
    const shared = await lineIn(own, "commondir");
    const at = shared === undefined ? path : resolve(path, shared);
    const open = shared === undefined ? own : await openInside(root, at);
    if (open === undefined) return undefined;
    if (open !== own) opened.unshift(open);
    if (!isWithin(path, at) || !(await own.facts("HEAD")) || !(await isOfGit(open))) return undefined;
    const names = shared === undefined ? await checkoutOf(own, path) : await worktreeOf(own, path, at);
    return { path: at, open: opened.shift() ?? open, writable: names === checkout.path };
  } finally {
    for (const each of opened) await each.close();
  }
}

/** Opens a folder inside the root, following no link. Undefined: there is none. */
export async function openInside(root: Place, path: string): Promise<OpenFolder | undefined> {
  if (path === root.path || !isWithin(path, root.path) || path.includes("\0")) return undefined;
  return await root.open.folder(relative(root.path, path)).catch(absentIfRefused);
}

/** What git itself asks of such a folder. */
async function isOfGit(folder: OpenFolder): Promise<boolean> {
  for (const name of ["HEAD", "objects", "refs"]) if (!(await folder.facts(name))) return false;
  return true;
}

/** The checkout of a submodule, as its git folder says. */
async function checkoutOf(git: OpenFolder, path: string): Promise<string | undefined> {
  const named = worktreeIn((await textIn(git, "config", MOST_CONFIG)) ?? "");
  return named === undefined ? undefined : resolve(path, named);
}

/** `core.worktree`, as git writes it. Line by line: one pattern for all of a hostile text could take minutes. */
function worktreeIn(config: string): string | undefined {
  let isCore = false;
  for (const line of config.split("\n")) {
    if (line.startsWith("[")) isCore = line.startsWith("[core]");
    const named = isCore ? /^[ \t]*worktree = ([^"]+)$/.exec(line)?.[1] : undefined;
    if (named !== undefined) return named;
  }
  return undefined;
}

/** The checkout of a worktree, as the folder says that git has of it. */
async function worktreeOf(own: OpenFolder, path: string, shared: string): Promise<string | undefined> {
  const named = dirname(path) === join(shared, "worktrees") ? await lineIn(own, "gitdir") : undefined;
  return named === undefined ? undefined : dirname(resolve(path, named));
}

const lineIn = async (folder: OpenFolder, name: string): Promise<string | undefined> =>
  (await textIn(folder, name, MOST_LINE))?.trimEnd();

/** Undefined: it is not a file, such as `.git` of a main checkout, or it has too many bytes. */
async function textIn(folder: OpenFolder, name: string, mostBytes: number): Promise<string | undefined> {
  const bytes = await folder.read(name, { mostBytes, shared: true }).catch(absentIfRefused);
  return bytes && Buffer.from(bytes).toString("utf8");
}

/** What a task can make of a name or of a permission. It is as if nothing were there. */
const NOT_OPENED: readonly unknown[] = ["EACCES", "EPERM", "EINVAL", "ENAMETOOLONG"];

export function absentIfRefused(error: unknown): undefined {
  if (error instanceof FileRefused) return undefined;
  if (error instanceof Error && "code" in error && NOT_OPENED.includes(error.code)) return undefined;
  throw error;
}
