import type { Overrun, RunFolder, RunOptions, Supervisor } from "@ccsp/engine-kit";
import type { Logger } from "pino";
import type { Cgroup, Cgroups } from "./cgroup.js";
import { formatCookie } from "./cookie.js";
import { type LaunchedProcess, launched } from "./launched.js";
import { startProcess } from "./process.js";
import { createProcessWatch, type WatchedTree } from "./process-watch.js";
import { createRunFolder } from "./run-folder.js";
import type { TreeLimits } from "./tree.js";

export interface SupervisorOptions {
  readonly executorId: string;
  readonly bootId: string;
  /** Runs get their folders in here. */
  readonly folder: string;
  /** And their temporary folders in here. */
  readonly temporary: string;
  /** PATH of every engine. */
  readonly path: string;
  readonly silenceMs: number;
  readonly stallMs: number;
  readonly graceMs: number;
  /** Of each run. */
  readonly limits: TreeLimits;
  /** Undefined: runs are watched from outside only. */
  readonly cgroups: Cgroups | undefined;
  readonly setpriv: string | undefined;
  readonly log: Logger;
}

/** Starts processes before there is a run for them. */
export interface Launcher extends Supervisor {
  /** As `start`, without input and clocks. */
  launch(options: LaunchOptions): Promise<LaunchedProcess>;
}

export type LaunchOptions = Pick<RunOptions, "run" | "command" | "prepare" | "traceparent" | "workingFolder">;

/** What a run has while it lives. */
interface Belongings {
  readonly folder: RunFolder;
  readonly tree: WatchedTree;
  readonly cgroup: Cgroup | undefined;
  /** Resolves when nothing is left of it, save a folder that cannot be removed. Rejects when processes in its cgroup do not die. */
  readonly release: () => Promise<void>;
}

/**
 * Runs engines of any kind: own session, own folders, own limits, an environment that holds what is listed here and nothing else.
 * `close` ends the sweep for strays; runs have to be over by then.
 */
export function createSupervisor(options: SupervisorOptions): Launcher & { close(): Promise<void> } {
  const { executorId, bootId, path, graceMs, limits, cgroups, setpriv, log } = options;
  const watch = createProcessWatch({ prefix: formatCookie({ executorId, bootId, run: "" }), log });

  async function acquire(run: string, cookie: string, onOverrun: (why: Overrun) => void): Promise<Belongings> {
    const name = run.replaceAll(/[^A-Za-z0-9._-]/g, "-");
    const folder = await createRunFolder(options.folder, name, options.temporary);
    // What the run brought counts all the same; the next boot tries again.
    const removeFolder = () =>
      folder.remove().catch((err: unknown) => log.error({ err, run }, "folder of a run is left behind"));
    let cgroup: Cgroup | undefined;
    try {
      cgroup = await cgroups?.create(run, limits);
      const tree = watch.add(cookie, cgroup?.limitsMemory ? { ...limits, memoryBytes: 0 } : limits, onOverrun);
      const release = async () => {
        try {
          await cgroup?.remove();
        } finally {
          tree.close();
          await removeFolder();
        }
      };
      return { folder, tree, cgroup, release };
    } catch (err) {
      await cgroup?.remove();
      await removeFolder();
      throw err;
    }
  }

  async function launch({
    run,
    command,
    prepare,
    traceparent,
    workingFolder,
  }: LaunchOptions): Promise<LaunchedProcess> {
    const cookie = formatCookie({ executorId, bootId, run });
    let overrun: (why: Overrun) => void = () => {};
    const belongings = await acquire(run, cookie, (why) => overrun(why));
    const { tree, cgroup, release } = belongings;
    const folder = { ...belongings.folder, work: workingFolder ?? belongings.folder.work };
    try {
      const { args, env, input } = await prepare(folder);
      const always = { PATH: path, HOME: folder.home, TMPDIR: folder.tmp, LANG: "C.UTF-8" };
      const traced = traceparent === "" ? {} : { TRACEPARENT: traceparent };
      const process = await startProcess({
        command,
        args,
        env: { ...always, ...env, ...traced },
        cwd: folder.work,
        cookie,
        tree,
        cgroup,
        graceMs,
        setpriv,
      });
      const onFault = (err: unknown, message: string) => log.error({ err, run }, message);
      const started = launched(process, { folder, tree, cgroup, release, clocks: options, input, onFault });
      overrun = started.overrun;
      return started.launched;
    } catch (err) {
      await release();
      throw err;
    }
  }

  return {
    launch,
    start: async (run) => (await launch(run)).use({ ...run, waited: false }),
    async close() {
      watch.close();
    },
  };
}
