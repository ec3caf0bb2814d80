import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { RunResources } from "@ccsp/engine-kit";
import { cgroupFiles } from "@ccsp/engine-kit/own-files";
import type { Logger } from "pino";
import type { TreeLimits } from "./tree.js";

const { existsSync, mkdir, readdir, readFile, rmdir, writeFile } = cgroupFiles;

/** A cgroup that holds the processes of one run. */
export interface Cgroup {
  /**
   * A process that writes "0" to this file joins the cgroup. All processes that it starts later are in the cgroup too.
   */
  readonly procs: string;
  /** True: the kernel enforces the memory limit. False: the supervisor must watch the run. */
  readonly limitsMemory: boolean;
  /** Kills all processes in the cgroup. */
  kill(): Promise<void>;
  usage(): Promise<CgroupUsage>;
  /** Kills all processes in the cgroup, waits until it is empty, and removes it. Rejects if that takes too long. */
  remove(): Promise<void>;
}

/** A number is undefined if its controller is not enabled or the kernel is too old. */
export interface CgroupUsage extends RunResources {
  readonly outOfMemory: boolean;
}

export interface Cgroups {
  create(run: string, limits: TreeLimits): Promise<Cgroup>;
}

export interface CgroupsOptions {
  /** A cgroup v2 that is delegated to this user and contains no process itself. */
  readonly path: string;
  readonly executorId: string;
  readonly bootId: string;
  readonly log: Logger;
}

/**
 * pids.max also counts threads, and an engine has about twenty. Only processes that multiply fast between two scans
 * reach this limit.
 */
const THREADS_PER_PROCESS = 8;
const EMPTY_MS = 5_000;
const POLL_MS = 10;

/**
 * Makes a cgroup for each run, in `path`. First ends what earlier boots of the executor left there. Rejects if cgroups
 * cannot be made there. If only a controller is missing, it logs a warning.
 */
export async function openCgroups({ path, executorId, bootId, log }: CgroupsOptions): Promise<Cgroups> {
  if (!existsSync(join(path, "cgroup.kill"))) {
    throw new Error(
      `${path} is not a cgroup v2 below the root of Linux 5.14 or later: set CCSP_EXECUTOR_CGROUP to one, or unset it`,
    );
  }
  const controllers = (await read(path, "cgroup.controllers")).trim().split(" ");
  for (const controller of ["memory", "pids"]) {
    if (controllers.includes(controller)) await write(path, "cgroup.subtree_control", `+${controller}`);
    else
      log.warn(
        { cgroup: path, controller },
        "the cgroup lacks these controllers: the executor watches the runs instead",
      );
  }
  const earlier = new RegExp(`^${executorId.replaceAll(".", "\\.")}_[0-9A-HJKMNP-TV-Z]{26}_`);
  for (const name of await readdir(path)) if (earlier.test(name)) await cgroupAt(join(path, name)).remove();
  return {
    async create(run, limits) {
      const folder = join(path, `${executorId}_${bootId}_${run.replaceAll(/[^\w.-]/g, "-")}`);
      await mkdir(folder);
      const set = async (file: string, value: number) => {
        if (existsSync(join(folder, file))) await write(folder, file, String(value));
      };
      if (limits.memoryBytes > 0) {
        await set("memory.max", limits.memoryBytes);
        await set("memory.swap.max", 0);
        await set("memory.oom.group", 1);
      }
      if (limits.processes > 0) await set("pids.max", limits.processes * THREADS_PER_PROCESS);
      return cgroupAt(folder);
    },
  };
}

function cgroupAt(folder: string): Cgroup {
  const kill = () => write(folder, "cgroup.kill", "1");
  return {
    procs: join(folder, "cgroup.procs"),
    limitsMemory: existsSync(join(folder, "memory.max")),
    kill,
    async usage() {
      const usec = numberOf(await read(folder, "cpu.stat"), "usage_usec");
      const peak = Number((await read(folder, "memory.peak")) || Number.NaN);
      return {
        cpuMs: usec === undefined ? undefined : Math.round(usec / 1_000),
        peakMemoryBytes: Number.isFinite(peak) ? peak : undefined,
        outOfMemory: (numberOf(await read(folder, "memory.events"), "oom_kill") ?? 0) > 0,
      };
    },
    async remove() {
      await kill();
      const giveUpAt = performance.now() + EMPTY_MS;
      while (numberOf(await read(folder, "cgroup.events"), "populated") === 1) {
        if (performance.now() > giveUpAt) throw new Error(`processes in ${folder} do not die`);
        await delay(POLL_MS);
      }
      await rmdir(folder);
    },
  };
}

/** Empty if the file does not exist. */
const read = (folder: string, file: string): Promise<string> => readFile(join(folder, file), "utf8").catch(() => "");

/** Never creates a file. */
const write = (folder: string, file: string, value: string): Promise<void> =>
  writeFile(join(folder, file), value, { flag: "r+" });

/** The number after `key`, in text with lines of the form "key number". */
function numberOf(text: string, key: string): number | undefined {
  const line = text.split("\n").find((each) => each.startsWith(`${key} `));
  return line === undefined ? undefined : Number(line.slice(key.length + 1));
}
