import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { type HeldEntry, inFolder, openTrustedFolder } from "@ccsp/engine-kit";
import { absentIfRefused, openGitFolder, openInside, type Place } from "./git-folder.js";
import { isWithin } from "./mounts.js";

/** Something that a run sees around its working folder, at its own path. */
export type Shown = { readonly path: string } & (
  | { readonly how: "read" | "write"; readonly fd: number }
  | { readonly how: "link"; readonly target: string }
);

export interface Around {
  readonly shown: readonly Shown[];
  /** For the run's environment. */
  readonly env: Readonly<Record<string, string>>;
  /** The repository around the working folder has too many entries, so the run does not see it. */
  readonly tooMany: boolean;
  close(): Promise<void>;
}

/** Each entry is a descriptor, and a mount that bubblewrap compares with all others. */
const MOST_SHOWN = 256;
/** Each folder above the working folder is open during a start. */
const MOST_LEVELS = 64;
/** Names of the working folder at which a search for links looks. */
const MOST_NAMES = 1_000;
/** The folders above the working folder are in memory, and git looks for a repository in one file system only. */
const GIT_GOES_UP = { GIT_DISCOVERY_ACROSS_FILESYSTEM: "1" };

/**
 * Opens what a run needs of the allowed root besides its working folder: the repository around it, the git folder of a
 * worktree or of a submodule, and what links in the working folder lead to. Tasks can write all of this, and swap it at
 * any time. So each component of each path is opened without following it, from the root on, and what is outside the
 * root is not shown. The run sees the folders above its working folder with these entries only, as bubblewrap makes
 * them: a mount inside another one would be looked up by its name. `taken`: paths that the run sees otherwise.
 */
export async function openAround(root: string, working: Place, taken: (path: string) => boolean): Promise<Around> {
  const opened: { close(): Promise<void> }[] = [];
  const shown: Shown[] = [];
  const close = async (): Promise<void> => {
    for (const each of opened) await each.close();
  };
  const add = (each: Shown): void => {
    if (!taken(each.path) && !shown.some(({ path }) => isWithin(each.path, path) || isWithin(path, each.path)))
      shown.push(each);
  };
  const addHeld = (path: string, held: HeldEntry | undefined): void => {
    if (held === undefined) return;
    if (held.kind === "link") return add({ path, how: "link", target: held.target });
    opened.push(held);
    add({ path, how: "read", fd: held.fd });
  };
  try {
    const above = await openAbove(root, working.path, opened);
    const [outermost] = above;
    if (outermost === undefined) return { shown, env: {}, tooMany: false, close };
    const checkout = await checkoutAround([...above, working]);
    const levels = checkout && checkout !== working ? above.slice(above.indexOf(checkout)) : [];
    const entries = await entriesOf(levels);
    const tooMany = entries.length > MOST_SHOWN;
    for (const { path, open, name } of tooMany ? [] : entries)
      if (!isWithin(working.path, join(path, name)))
        addHeld(join(path, name), await open.hold(name).catch(absentIfRefused));
    const git = checkout && (await openGitFolder(outermost, checkout));
    if (git) {
      opened.push(git.open);
      const writes = git.writable && checkout === working;
      add({ path: git.path, how: writes ? "write" : "read", fd: git.open.fd });
    }
    for (const target of await linkedFrom(working, outermost)) {
      if (shown.length >= MOST_SHOWN) break;
      const held = await holdInside(outermost, target);
      // A link to a link leads nowhere.
      if (held?.kind !== "link") addHeld(target, held);
    }
    return { shown, env: levels.length > 0 && !tooMany ? GIT_GOES_UP : {}, tooMany, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * The folders from the root to the one that has `path`. Empty: there are none or too many, or somebody swapped one for a
 * link.
 */
async function openAbove(root: string, path: string, opened: { close(): Promise<void> }[]): Promise<readonly Place[]> {
  const names = relative(root, path).split(sep);
  if (names.length > MOST_LEVELS) return [];
  const places: Place[] = [];
  let open = path === root ? undefined : await openTrustedFolder(root);
  let at = root;
  for (const name of names) {
    if (open === undefined) return [];
    opened.push(open);
    places.push({ path: at, open });
    at = join(at, name);
    if (at !== path) open = await open.folder(name).catch(absentIfRefused);
  }
  return places;
}

/** What is in the folders: one more than is shown, if there are more. */
async function entriesOf(levels: readonly Place[]): Promise<readonly (Place & { readonly name: string })[]> {
  const entries: (Place & { readonly name: string })[] = [];
  for (const place of levels) {
    const names = await place.open.list(MOST_SHOWN + 1 - entries.length).catch(absentIfRefused);
    entries.push(...(names ?? []).map((name) => ({ ...place, name })));
  }
  return entries;
}

/** The innermost folder that has `.git`. */
async function checkoutAround(places: readonly Place[]): Promise<Place | undefined> {
  for (const place of places.toReversed()) if (await place.open.facts(".git").catch(absentIfRefused)) return place;
  return undefined;
}

/** Where the links of the working folder lead inside the root. */
async function linkedFrom({ path, open }: Place, root: Place): Promise<ReadonlySet<string>> {
  const targets = new Set<string>();
  for (const name of (await open.list(MOST_NAMES, "links").catch(absentIfRefused)) ?? []) {
    const held = await open.hold(name).catch(absentIfRefused);
    const target = held?.kind === "link" ? resolve(path, held.target) : path;
    if (held && held.kind !== "link") await held.close();
    if (target !== root.path && isWithin(target, root.path)) targets.add(target);
  }
  return targets;
}

async function holdInside(root: Place, path: string): Promise<HeldEntry | undefined> {
  const [parent, name] = [dirname(path), basename(path)];
  const holding =
    parent === root.path ? root.open.hold(name) : inFolder(openInside(root, parent), (folder) => folder.hold(name));
  return await holding.catch(absentIfRefused);
}
