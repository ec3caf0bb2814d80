import { readdir, readFile } from "node:fs/promises";

/** The variable that every process of a run inherits, so that it is found also when it left its process group. */
export const COOKIE_NAME = "CCSP_RUN";

/** Which run a process belongs to. */
export interface Cookie {
  readonly executorId: string;
  readonly bootId: string;
  /** `<task id>:<fence>`. */
  readonly run: string;
}

export const formatCookie = ({ executorId, bootId, run }: Cookie): string => `${executorId}/${bootId}/${run}`;

/** Undefined for what is not a cookie. */
export function parseCookie(value: string): Cookie | undefined {
  const [executorId, bootId, run, ...rest] = value.split("/");
  if (executorId === undefined || bootId === undefined || run === undefined || rest.length > 0) return undefined;
  return { executorId, bootId, run };
}

/**
 * Processes of this host whose cookie `matches`. Sees only what this user may read; a process that cleared its environment
 * is not found. None where there is no /proc.
 */
export async function findProcesses(matches: (cookie: Cookie) => boolean): Promise<number[]> {
  const found: number[] = [];
  for (const entry of await readdir("/proc").catch(() => [])) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const cookie = await readCookie(pid);
    if (cookie && matches(cookie)) found.push(pid);
  }
  return found;
}

const PREFIX = `${COOKIE_NAME}=`;

async function readCookie(pid: number): Promise<Cookie | undefined> {
  // Gone meanwhile, or another user's. A zombie's environment is empty.
  const environ = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "");
  if (!environ.includes(PREFIX)) return undefined;
  const entry = environ.split("\0").find((variable) => variable.startsWith(PREFIX));
  return entry === undefined ? undefined : parseCookie(entry.slice(PREFIX.length));
}
