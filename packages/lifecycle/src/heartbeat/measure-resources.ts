import { createHash } from "node:crypto";
import { readFile, statfs } from "node:fs/promises";
import { availableParallelism, cpus, totalmem } from "node:os";
import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import type { Resources } from "@ccsp/protos/ccsp/monitor/v1/fleet.js";
import { toDuration } from "@ccsp/protos/duration.js";

/** Measures in this step, in ms. A finer one costs more. */
const DELAY_STEP_MS = 20;

/** What the process and its host used since the last `read`. */
export interface ResourceMeter {
  /** `folder`: where the service stores its files. */
  read(folder: string): Promise<Resources>;
  close(): void;
}

export function measureResources(): ResourceMeter {
  const delay = monitorEventLoopDelay({ resolution: DELAY_STEP_MS });
  delay.enable();
  let before = take();
  return {
    async read(folder) {
      const now = take();
      const elapsedMs = Math.max(1, now.atMs - before.atMs);
      const hostMs = now.hostMs - before.hostMs;
      const memoryLimit = memoryLimitBytes();
      // The histogram counts the step itself too.
      const delayMs = Math.max(0, (delay.percentile(99) || 0) / 1e6 - DELAY_STEP_MS);
      const resources: Resources = {
        processCpus: (now.processMs - before.processMs) / elapsedMs,
        hostCpuShare: hostMs <= 0 ? 0 : share(1 - (now.idleMs - before.idleMs) / hostMs),
        cpus: availableParallelism(),
        memoryBytes: BigInt(process.memoryUsage.rss()),
        memoryLimitBytes: BigInt(memoryLimit),
        memoryShare: share(1 - process.availableMemory() / memoryLimit),
        ...(await measureDisk(folder)),
        eventLoopDelay: toDuration(Math.round(delayMs)),
      };
      delay.reset();
      before = now;
      return resources;
    },
    close: () => void delay.disable(),
  };
}

function take() {
  const { user, system } = process.cpuUsage();
  const times = cpus().map((cpu) => cpu.times);
  const idleMs = times.reduce((sum, { idle }) => sum + idle, 0);
  const busyMs = times.reduce((sum, time) => sum + time.user + time.nice + time.sys + time.irq, 0);
  return { atMs: performance.now(), processMs: (user + system) / 1_000, idleMs, hostMs: idleMs + busyMs };
}

/** The limit of the control group, if it has one below the memory of the host. */
function memoryLimitBytes(): number {
  const limit = process.constrainedMemory();
  return limit > 0 && limit < totalmem() ? limit : totalmem();
}

/**
 * The disk is named by the host's boot and by its size: containers of a host see the same disk through mounts of their
 * own, whose device numbers differ. So two disks of one size on a host have one name.
 */
async function measureDisk(folder: string): Promise<Pick<Resources, "disk" | "diskFreeShare">> {
  try {
    const { bavail, blocks, bsize } = await statfs(folder);
    if (blocks === 0) return { disk: "", diskFreeShare: undefined };
    const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => undefined);
    const host = boot && createHash("sha256").update(boot).digest("hex").slice(0, 12);
    return { disk: host ? `${host}-${blocks * bsize}` : "", diskFreeShare: share(bavail / blocks) };
  } catch {
    return { disk: "", diskFreeShare: undefined };
  }
}

const share = (value: number): number => Math.min(1, Math.max(0, value));
