import { readFile } from "node:fs/promises";
import { freemem, totalmem } from "node:os";
import { join } from "node:path";
import { type Found, ok, skip, warn } from "./finding.js";

/** A gateway has a connection, and so a file, for each client; a queue one for each waiting executor. */
const FILES = 4_096;
/** An engine has about twenty threads, and starts programs of its own. */
const PROCESSES = 1_024;
/** A host runs several services and an engine, a container only one service. */
const MEMORY = { host: 1024 ** 3, container: 256 * 1024 ** 2 };

/** What the host lets this user, and this control group, have. Services that it starts get the same. */
export async function checkLimits(): Promise<readonly Found[]> {
  const limits = await readFile("/proc/self/limits", "utf8").catch(() => undefined);
  if (limits === undefined) return [skip("limits", "this system has no /proc")];
  return [
    judgeFiles(limitOf(limits, "Max open files")),
    await judgeProcesses(limits),
    judgeMemory(process.constrainedMemory(), totalmem()),
  ];
}

/** The soft limit. `unlimited` is infinite. */
export function limitOf(limits: string, name: string): number {
  const [soft = ""] =
    limits
      .split("\n")
      .find((line) => line.startsWith(name))
      ?.slice(name.length)
      .trim()
      .split(/\s+/) ?? [];
  return soft === "unlimited" ? Number.POSITIVE_INFINITY : Number(soft);
}

export const judgeFiles = (files: number): Found =>
  files >= FILES
    ? ok("open files", `${files} are allowed`)
    : warn(
        "open files",
        `${files} are allowed, and each connection is one: calls are refused when they are used up`,
        `ulimit -n 65536, or LimitNOFILE=65536 in the unit of systemd`,
      );

async function judgeProcesses(limits: string): Promise<Found> {
  const allowed = Math.min(limitOf(limits, "Max processes"), await pidsOfCgroup());
  if (allowed >= PROCESSES)
    return ok("processes", `${allowed === Number.POSITIVE_INFINITY ? "any number" : allowed} are allowed`);
  return warn(
    "processes",
    `${allowed} processes and threads are allowed: engines cannot start theirs when they are used up`,
    "ulimit -u, TasksMax= in the unit of systemd, or pids.max of the container",
  );
}

/** `pids.max` of the control group of this process, or of one above it. Infinite without one. */
async function pidsOfCgroup(): Promise<number> {
  const [, path = ""] = /^0::(.*)$/m.exec(await readFile("/proc/self/cgroup", "utf8").catch(() => "")) ?? [];
  let least = Number.POSITIVE_INFINITY;
  const parts = path.split("/").filter(Boolean);
  for (let depth = parts.length; depth > 0; depth -= 1) {
    const file = join("/sys/fs/cgroup", ...parts.slice(0, depth), "pids.max");
    const most = Number.parseInt(await readFile(file, "utf8").catch(() => ""), 10);
    if (most >= 0) least = Math.min(least, most);
  }
  return least;
}

/** `allowed`: what the control group has. 0, or more than the host has: it sets no limit. */
export function judgeMemory(allowed: number, ofHost: number): Found {
  const isLimited = allowed > 0 && allowed < ofHost;
  const total = isLimited ? allowed : ofHost;
  const words = `${(total / 1024 ** 3).toFixed(2)} GiB of memory, ${(freemem() / 1024 ** 3).toFixed(1)} GiB unused`;
  if (total >= (isLimited ? MEMORY.container : MEMORY.host)) return ok("memory", words);
  const mend = "give a host at least 1 GiB, and a container 256 MiB; docs/sizing.md says what each service needs";
  return warn("memory", words, mend);
}
