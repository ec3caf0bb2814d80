import { closeSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import { COOKIE_NAME } from "./cookie.js";

/** A living process, as /proc tells of it. */
export interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** When it started. With the pid it names a process for good. */
  readonly started: string;
  /** User and system time of it and of the children that it waited for. */
  readonly cpuMs: number;
  readonly rssBytes: number;
  /** The value of `CCSP_RUN`; empty: it has none, or may not be read. */
  readonly cookie: string;
}

const BUFFER = Buffer.allocUnsafe(64 * 1024);

/** Whether there is a /proc to look at. Elsewhere (macOS) a run is its process group and nothing is measured. */
export const HAS_PROC = readText("/proc/self/stat") !== "";

/** USER_HZ: 100 on every Linux that Node runs on. */
const MS_PER_TICK = 10;
const PAGE_BYTES = 1024 * Number(/^KernelPageSize:\s+(\d+)/m.exec(readText("/proc/self/smaps"))?.[1] ?? 4);
/** Read in one go; the event loop turns between. */
const SLICE = 64;

/** Reads all processes of the host, again and again. One at a time. */
export interface ProcessTable {
  read(): Promise<ReadonlyMap<number, ProcessRow>>;
}

/**
 * A cookie is read once per process: it is inherited, so that who has none never gets one, and who clears its environment keeps the
 * one that it was seen with. Read again is what was empty, as it is in the middle of an exec, and what our own children have: that
 * is our environment until they execute their command.
 */
export function createProcessTable(): ProcessTable {
  let cookies = new Map<string, string>();
  return {
    async read() {
      const rows = new Map<number, ProcessRow>();
      const seen = new Map<string, string>();
      let count = 0;
      for (const pid of readPids()) {
        if (++count % SLICE === 0) await nextTurn();
        const stat = readStat(pid);
        if (stat === undefined) continue;
        const key = `${pid} ${stat.started}`;
        let cookie = cookies.get(key);
        if (cookie === undefined) {
          const environ = readText(`/proc/${pid}/environ`);
          cookie = cookieIn(environ);
          if (cookie !== "" || (environ !== "" && stat.parent !== process.pid)) seen.set(key, cookie);
        } else {
          seen.set(key, cookie);
        }
        rows.set(pid, { pid, ...stat, cookie });
      }
      cookies = seen;
      return rows;
    },
  };
}

function readPids(): number[] {
  try {
    return readdirSync("/proc")
      .map(Number)
      .filter((pid) => Number.isInteger(pid) && pid !== process.pid);
  } catch {
    return [];
  }
}

/** Undefined for what is not alive: gone, or dead and not yet waited for. */
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

/** Time of all children of this process that it has waited for, and of theirs. 0 where it is not told. */
export function reapedCpuMs(): number {
  const fields = statFields("self");
  return (Number(fields[13] ?? 0) + Number(fields[14] ?? 0)) * MS_PER_TICK;
}

/** What the process has for itself and its share of what it shares; 0 when it is gone or may not be read. Dear: walks its memory. */
export const readPssBytes = (pid: number): number =>
  1024 * Number(/^Pss:\s+(\d+)/m.exec(readText(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0);

/** From the third on; the command's name in the second may hold spaces and brackets. */
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

/**
 * Not by promises: these files are in memory, and a thread's turn costs more than they do. In one read, which brings a whole record, for a
 * third of what readFileSync costs. Empty: gone meanwhile, or another user's.
 */
function readText(path: string): string {
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    const bytes = readSync(file, BUFFER, 0, BUFFER.length, null);
    return bytes < BUFFER.length ? BUFFER.toString("latin1", 0, bytes) : readFileSync(path, "latin1");
  } catch {
    return "";
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
