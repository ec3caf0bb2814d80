import { setTimeout as delay, setImmediate as nextTurn } from "node:timers/promises";
import { kernelFiles } from "@ccsp/engine-kit/own-files";
import { COOKIE_NAME } from "./cookie.js";

const { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, statfsSync } = kernelFiles;

/** A living process, as /proc describes it. */
export interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** When it started. Together with the pid, it identifies a process for good. */
  readonly started: string;
  /** User and system time of the process and of the children that it waited for. */
  readonly cpuMs: number;
  readonly rssBytes: number;
  /** The value of `CCSP_RUN`. Empty: it has none, or this user may not read it. */
  readonly cookie: string;
}

const BUFFER = Buffer.allocUnsafe(64 * 1024);

/** Whether this host has /proc. Without it (macOS), a run is its process group, and nothing is measured. */
export const HAS_PROC = readText("/proc/self/stat") !== "";

/** USER_HZ is 100 on every Linux that Node runs on. */
const MS_PER_TICK = 10;
const PAGE_BYTES = 1024 * Number(/^KernelPageSize:\s+(\d+)/m.exec(readText("/proc/self/smaps"))?.[1] ?? 4);
/** Number of processes that are read before the event loop gets a turn. */
const SLICE = 64;

/** Reads all processes of the host, repeatedly. Only one read may be in progress. */
export interface ProcessTable {
  read(): Promise<ReadonlyMap<number, ProcessRow>>;
}

/** Time to wait for a process in the middle of an exec, which takes it well below a millisecond while it has a core. */
const EXEC_MS = 250;
const EXEC_POLL_MS = 2;

/**
 * A cookie is read once per process, because children inherit it. A process without a cookie never gets one. A process
 * that clears its environment keeps the cookie that was read before. Two values are read again. One is an empty
 * environment, which a process has during an exec: a read looks again until such an exec is over, for 250 ms at most,
 * once for each process. The other is that of this process's own children without a cookie: they have this process's
 * environment until they execute their command.
 */
export function createProcessTable(): ProcessTable {
  let cookies = new Map<string, string>();
  /** Those that have no environment, and not because of an exec. */
  let bare = new Set<string>();
  return {
    async read() {
      const rows = new Map<number, ProcessRow>();
      const seen = new Map<string, string>();
      const seenBare = new Set<string>();
      /** Reads one process. The result is its key, if it may be in the middle of an exec. */
      const take = (pid: number): string | undefined => {
        rows.delete(pid);
        const stat = readStat(pid);
        if (stat === undefined) return undefined;
        const key = `${pid} ${stat.started}`;
        const known = cookies.get(key);
        const environ = known === undefined ? readIfAllowed(`/proc/${pid}/environ`) : undefined;
        const cookie = known ?? cookieIn(environ ?? "");
        if (known !== undefined || cookie !== "" || (environ && stat.parent !== process.pid)) seen.set(key, cookie);
        rows.set(pid, { pid, ...stat, cookie });
        if (environ !== "") return undefined;
        if (!bare.has(key)) return isKernelThread(pid) ? undefined : key;
        seenBare.add(key);
        return undefined;
      };
      let executing: number[] = [];
      let count = 0;
      for (const pid of readPids()) {
        if (++count % SLICE === 0) await nextTurn();
        if (take(pid) !== undefined) executing.push(pid);
      }
      const giveUpAt = performance.now() + EXEC_MS;
      while (executing.length > 0) {
        await delay(EXEC_POLL_MS);
        const late = performance.now() > giveUpAt;
        executing = executing.filter((pid) => {
          // A process that sleeps is in the middle of nothing. Its state is read first, because its exec may end now.
          const sleeps = !/^[RD]$/.test(statFields(pid)[0] ?? "");
          const key = take(pid);
          if (key === undefined) return false;
          if (sleeps || late) seenBare.add(key);
          return !sleeps && !late;
        });
      }
      cookies = seen;
      bare = seenBare;
      return rows;
    },
  };
}

/** A flag of the kernel's own threads (PF_KTHREAD), which have no environment. */
const KERNEL_THREAD = 0x0020_0000;

const isKernelThread = (pid: number): boolean => (Number(statFields(pid)[6]) & KERNEL_THREAD) !== 0;

function readPids(): number[] {
  try {
    return readdirSync("/proc")
      .map(Number)
      .filter((pid) => Number.isInteger(pid) && pid !== process.pid);
  } catch {
    return [];
  }
}

/** Undefined if the process is not alive: it is gone, or it is dead and its parent has not waited for it. */
export function readStat(pid: number): Omit<ProcessRow, "pid" | "cookie"> | undefined {
  const fields = statFields(pid);
  const state = fields[0];
  if (state === undefined || state === "Z" || state === "X") return undefined;
  const number = (index: number) => Number(fields[index]);
  return {
    parent: number(1),
    group: number(2),
    session: number(3),
    cpuMs: (number(11) + number(12) + number(13) + number(14)) * MS_PER_TICK,
    started: fields[19] ?? "",
    rssBytes: number(21) * PAGE_BYTES,
  };
}

/** Processor time in ms of all children that this process has waited for, and of their children. 0 if unknown. */
export function reapedCpuMs(): number {
  const fields = statFields("self");
  return (Number(fields[13] ?? 0) + Number(fields[14] ?? 0)) * MS_PER_TICK;
}

/**
 * Memory of the process: its own pages and its share of shared pages. 0 if it is gone or this user may not read it.
 * Expensive: the kernel goes through its memory.
 */
export const readPssBytes = (pid: number): number =>
  1024 * Number(/^Pss:\s+(\d+)/m.exec(readText(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0);

/** A run has a few of each. To read more would take this process's time. */
const MOST_NAMESPACES = 32;
const MOST_TMPFS = 256;
const MOST_MOUNTINFO_BYTES = 256 * 1024;

/** Device and place of a tmpfs in /proc/<pid>/mountinfo. A space in a name is written as \040 there. */
const TMPFS = /^\d+ \d+ (\d+:\d+) \S+ (\S+) .* - tmpfs /gm;

/**
 * Bytes of the files in memory that only these processes see: in each tmpfs of a mount namespace that is not that of
 * this process. 0 if they have none or this user may not look. Undefined: they have too many to read.
 */
export function readTmpfsBytes(pids: readonly number[]): number | undefined {
  const namespaces = new Set([namespaceOf("self")]);
  let devices: Set<string> | undefined;
  let total = 0;
  for (const pid of pids) {
    const namespace = namespaceOf(pid);
    if (namespace === "" || namespaces.has(namespace)) continue;
    namespaces.add(namespace);
    if (namespaces.size > MOST_NAMESPACES) return undefined;
    // Those of the host, which a run may see too, are not its own.
    devices ??= new Set(tmpfsOf("self")?.map(({ device }) => device));
    const mounts = tmpfsOf(pid);
    if (mounts === undefined) return undefined;
    for (const { device, place } of mounts) {
      if (devices.has(device)) continue;
      devices.add(device);
      if (devices.size > MOST_TMPFS) return undefined;
      total += bytesIn(`/proc/${pid}/root${place}`);
    }
  }
  return total;
}

/** The beginning of such a file, up to the bound. One read call returns only a part of it. */
function readMounts(path: string): string {
  const file = openSync(path, "r");
  try {
    let text = "";
    for (let bytes = 1; bytes > 0 && text.length < MOST_MOUNTINFO_BYTES; ) {
      bytes = readSync(file, BUFFER, 0, BUFFER.length, null);
      text += BUFFER.toString("latin1", 0, bytes);
    }
    return text;
  } finally {
    closeSync(file);
  }
}

/** Undefined: there are too many mounts to read. */
function tmpfsOf(pid: number | "self"): { readonly device: string; readonly place: string }[] | undefined {
  const mounts = orElse(() => readMounts(`/proc/${pid}/mountinfo`), "");
  if (mounts.length >= MOST_MOUNTINFO_BYTES) return undefined;
  return [...mounts.matchAll(TMPFS)].map(([, device = "", place = ""]) => ({
    device,
    place: place.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))),
  }));
}

const namespaceOf = (pid: number | "self"): string => orElse(() => readlinkSync(`/proc/${pid}/ns/mnt`), "");

const bytesIn = (place: string): number =>
  orElse(() => {
    const { blocks, bfree, bsize } = statfsSync(place);
    return (blocks - bfree) * bsize;
  }, 0);

/** The process may be gone, or be another user's. */
function orElse<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}

/** The fields from the third on. The second is the command's name, which may contain spaces and brackets. */
function statFields(pid: number | "self"): string[] {
  const stat = readText(`/proc/${pid}/stat`);
  return stat === "" ? [] : stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

const PREFIX = `${COOKIE_NAME}=`;

function cookieIn(environ: string): string {
  if (!environ.includes(PREFIX)) return "";
  const entry = environ.split("\0").find((variable) => variable.startsWith(PREFIX));
  return entry?.slice(PREFIX.length) ?? "";
}

/** Empty: the file is empty or gone, or belongs to another user. */
function readText(path: string): string {
  return readIfAllowed(path) ?? "";
}

/**
 * Synchronous: these files are in memory, and a turn of a thread costs more than the read. One read call returns a
 * whole record, and costs a third of readFileSync. Undefined: the file is gone, or belongs to another user.
 */
function readIfAllowed(path: string): string | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    const bytes = readSync(file, BUFFER, 0, BUFFER.length, null);
    return bytes < BUFFER.length ? BUFFER.toString("latin1", 0, bytes) : readFileSync(path, "latin1");
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
