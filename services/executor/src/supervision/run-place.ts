import { FileRefused, type OpenFolder, type Overrun, openFolder, type RunFolder } from "@ccsp/engine-kit";
import type { Logger } from "pino";
import type { BrokeredRun } from "../broker/broker.js";
import { FolderChanged } from "../domain/admission.js";
import type { OpenSandbox } from "../sandbox/sandbox.js";
import type { Cgroup, Cgroups } from "./cgroup.js";
import type { ProcessWatch } from "./process-watch.js";
import { createRunFolder } from "./run-folder.js";
import type { Tree, TreeLimits } from "./tree.js";

/** What a run uses on this host while it lives: its folders, its processes and its cgroup. */
export interface RunPlace {
  readonly folder: RunFolder;
  /** The folder of the host that the run works in, open until the release. Undefined: it works in a throwaway folder. */
  readonly workingFolder: OpenFolder | undefined;
  /** In the environment of all its processes. */
  readonly cookie: string;
  /** Finds the processes with that cookie. */
  readonly tree: Tree;
  /** Where its processes live; undefined: where this process does. */
  readonly cgroup: Cgroup | undefined;
  /** Set before its first process starts. Undefined: its processes are not confined. */
  sandbox: OpenSandbox | undefined;
  /** Set before its first process starts. Undefined: the run holds its login itself, or has none. */
  brokered: Pick<BrokeredRun, "begin" | "close" | "use" | "hold"> | undefined;
  /** Called when the run exceeds a limit of memory or number. */
  onOverrun: (why: Overrun) => void;
  /**
   * Resolves when nothing is left of the run, except a folder that cannot be removed. Rejects if processes in its
   * cgroup do not die.
   */
  release(): Promise<void>;
}

export interface RunPlaceOptions {
  readonly run: string;
  readonly cookie: string;
  /** Real path of a folder of the host. Replaces the run's temporary working folder. */
  readonly workingFolder: string | undefined;
  /** Runs get their folders here, and their temporary folders in `temporary`. */
  readonly folder: string;
  readonly temporary: string;
  readonly limits: TreeLimits;
  readonly cgroups: Cgroups | undefined;
  readonly watch: ProcessWatch;
  readonly log: Logger;
}

/**
 * Creates the folders and the cgroup, and begins to watch for processes. If it rejects, it leaves nothing behind. Rejects
 * with `FolderChanged` if something else is at the path of the working folder by now.
 */
export async function openRunPlace(options: RunPlaceOptions): Promise<RunPlace> {
  const { run, cgroups, limits, log } = options;
  const owned = await createRunFolder(options.folder, run.replaceAll(/[^A-Za-z0-9._-]/g, "-"), options.temporary);
  // A failure does not affect the run's result. The next boot tries again to remove the folder.
  const removeFolder = () =>
    owned.remove().catch((err: unknown) => log.error({ err, run }, "folder of a run could not be removed"));
  let cgroup: Cgroup | undefined;
  let workingFolder: OpenFolder | undefined;
  try {
    workingFolder = options.workingFolder === undefined ? undefined : await openAdmitted(options.workingFolder);
    cgroup = await cgroups?.create(run, limits);
    const work = options.workingFolder ?? owned.work;
    return watchedPlace({ folder: { ...owned, work }, workingFolder, cgroup, removeFolder }, options);
  } catch (err) {
    await cgroup?.remove();
    await workingFolder?.close();
    await removeFolder();
    throw err;
  }
}

/**
 * The path was real when the task was admitted, and below an allowed root. Followed without links, it leads to a folder
 * that still is.
 */
async function openAdmitted(real: string): Promise<OpenFolder> {
  const folder = await openFolder(real).catch((cause: unknown) => {
    throw cause instanceof FileRefused ? new FolderChanged({ cause }) : cause;
  });
  if (folder === undefined) throw new FolderChanged();
  return folder;
}

interface Opened extends Pick<RunPlace, "folder" | "workingFolder" | "cgroup"> {
  readonly removeFolder: () => Promise<void>;
}

function watchedPlace(
  { folder, workingFolder, cgroup, removeFolder }: Opened,
  { cookie, limits, watch }: RunPlaceOptions,
): RunPlace {
  const watched = cgroup?.limitsMemory ? { ...limits, memoryBytes: 0 } : limits;
  const tree = watch.add(cookie, watched, (why) => place.onOverrun(why));
  const place: RunPlace = {
    folder,
    workingFolder,
    cookie,
    tree,
    cgroup,
    sandbox: undefined,
    brokered: undefined,
    onOverrun() {},
    async release() {
      try {
        await cgroup?.remove();
      } finally {
        tree.close();
        await place.sandbox?.close();
        await workingFolder?.close();
        await removeFolder();
      }
    },
  };
  return place;
}
