import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { kernelFiles } from "@ccsp/engine-kit/own-files";

/** How busy the host is, of what this process may use of it. Undefined: it cannot be read, or not yet. */
export interface HostLoad {
  readonly cpuShare: number | undefined;
  readonly memoryShare: number | undefined;
}

export interface HostLoadOptions {
  /** Reads a file. Rejects when there is none. Tests set it. */
  readonly read?: (path: string) => Promise<string>;
  /** A monotonic clock, in ms. */
  readonly nowMs: () => number;
}

const CGROUPS = "/sys/fs/cgroup";
const isCgroup = (folder: string): boolean => folder.startsWith(CGROUPS);

/**
 * Measures the load. Where a cgroup v2 bounds this process or one of its ancestors, as in a container, the bound is
 * what may be used. Else it is the machine. The share of the CPU is that between two calls, so the first has none.
 */
export function createHostLoad({ read = (path) => kernelFiles.readFile(path, "utf8"), nowMs }: HostLoadOptions) {
  const text = (path: string): Promise<string> => read(path).catch(() => "");
  let last: { readonly ms: number; readonly busyMs: number; readonly of: string } | undefined;

  /** The nearest cgroup with a bound in this file, and the bound. Undefined: none has one. */
  const bounded = async (file: string, boundOf: (content: string) => number | undefined) => {
    const [, path] = /^0::(\/.*)$/m.exec(await text("/proc/self/cgroup")) ?? [];
    if (path === undefined) return undefined;
    let folder = join(CGROUPS, path);
    while (isCgroup(folder)) {
      const bound = boundOf(await text(join(folder, file)));
      if (bound !== undefined) return { folder, bound };
      folder = dirname(folder);
    }
    return undefined;
  };

  /** Busy time of all processors until now, and how many of them may be used. */
  const readCpu = async () => {
    const group = await bounded("cpu.max", cpusOf);
    if (group !== undefined) {
      const used = numberAfter(await text(join(group.folder, "cpu.stat")), "usage_usec");
      if (used !== undefined) return { of: group.folder, busyMs: used / 1_000, cpus: group.bound };
    }
    const [, line] = /^cpu +(.*)$/m.exec(await text("/proc/stat")) ?? [];
    if (line === undefined) return undefined;
    // user nice system idle iowait irq softirq steal, in hundredths of a second (proc_stat(5)).
    const ticks = line.split(" ").map(Number);
    const busy = ticks.slice(0, 8).reduce((sum, each, i) => (i === 3 || i === 4 ? sum : sum + each), 0);
    return { of: "host", busyMs: busy * 10, cpus: availableParallelism() };
  };

  const cpuShare = async (): Promise<number | undefined> => {
    const [cpu, ms, before] = [await readCpu(), nowMs(), last];
    last = cpu && { ms, busyMs: cpu.busyMs, of: cpu.of };
    if (cpu === undefined || before === undefined || before.of !== cpu.of || ms <= before.ms) return undefined;
    return Math.max(0, (cpu.busyMs - before.busyMs) / ((ms - before.ms) * cpu.cpus));
  };

  const memoryShare = async (): Promise<number | undefined> => {
    const group = await bounded("memory.max", (content) => (/^\d+/.test(content) ? Number(content) : undefined));
    if (group !== undefined) {
      const current = Number((await text(join(group.folder, "memory.current"))) || Number.NaN);
      // The kernel gives the cache of files back before it kills a process.
      const cache = numberAfter(await text(join(group.folder, "memory.stat")), "inactive_file") ?? 0;
      if (Number.isFinite(current)) return (current - cache) / group.bound;
    }
    const meminfo = await text("/proc/meminfo");
    const [total, available] = [numberAfter(meminfo, "MemTotal:"), numberAfter(meminfo, "MemAvailable:")];
    return total === undefined || available === undefined ? undefined : 1 - available / total;
  };

  return {
    async measure(): Promise<HostLoad> {
      return { cpuShare: await cpuShare(), memoryShare: await memoryShare() };
    },
  };
}

/** `max 100000` has no bound; `50000 100000` is half a processor. */
function cpusOf(content: string): number | undefined {
  const [quota, period] = content.trim().split(" ").map(Number);
  return quota !== undefined && period !== undefined && quota > 0 && period > 0 ? quota / period : undefined;
}

function numberAfter(content: string, key: string): number | undefined {
  const line = content.split("\n").find((each) => each.startsWith(`${key} `) || each.startsWith(`${key}\t`));
  const value = Number.parseInt(line?.slice(key.length).trim() ?? "", 10);
  return Number.isNaN(value) ? undefined : value;
}
