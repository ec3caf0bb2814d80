import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { COOKIE_NAME, type Cookie, formatCookie } from "./cookie.js";
import { killStrays, signal } from "./kill.js";

export interface ProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** All that the process sees, save the cookie, which is added. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** What it reads from stdin, which stays open after it. */
  readonly input: string;
  readonly cookie: Cookie;
  /** From SIGTERM to SIGKILL. */
  readonly graceMs: number;
  /** Path of util-linux' setpriv: the process then dies with this one, however this one ends. */
  readonly setpriv: string | undefined;
}

export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The beginning of what it wrote to stderr. */
  readonly stderr: string;
}

/** A process that leads its own session and group. */
export interface SupervisedProcess {
  readonly pid: number;
  readonly stdout: ChildProcessWithoutNullStreams["stdout"];
  /** Closes its stdin. */
  endInput(): void;
  /** Resolves when the process and all that it started are gone. Rejects when some of it does not die. */
  readonly exited: Promise<ProcessExit>;
  /** SIGTERM to the group, `graceMs`, SIGKILL; then what left the group. Resolves when none is left. Idempotent. */
  stop(): Promise<void>;
}

const STDERR_BYTES = 2_048;
/** A process that left the tree unseen may hold a pipe open; after the end of the run it is listened to for this long. */
export const AFTER_EXIT_MS = 1_000;

/** Resolves when the process runs; rejects when it cannot be started. */
export async function startProcess(options: ProcessOptions): Promise<SupervisedProcess> {
  const { command, args, env, cwd, cookie, setpriv } = options;
  const [file, argv] = setpriv ? [setpriv, ["--pdeathsig", "KILL", "--", command, ...args]] : [command, [...args]];
  const child = spawn(file, argv, {
    cwd,
    env: { ...env, [COOKIE_NAME]: formatCookie(cookie) },
    detached: true,
    stdio: "pipe",
  });
  // `once` rejects on "error", which is what comes in place of "spawn".
  await once(child, "spawn");
  const pid = pidOf(child);

  // The process may end before it has read its input.
  child.stdin.on("error", () => {});
  child.stdin.write(options.input);
  const stderr = keepBeginning(child.stderr);

  const stderrClosed = new Promise<void>((resolve) => child.stderr.once("close", resolve));
  let kill: NodeJS.Timeout | undefined;
  let gone = false;
  const exit = new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
    child.once("exit", (code, endedBy) => {
      // Whatever the engine left behind ends with it, whether it ended well or not. From now on the id may be another's.
      signal(-pid, "SIGKILL");
      clearTimeout(kill);
      gone = true;
      resolve([code, endedBy]);
    });
  });
  const exited = (async (): Promise<ProcessExit> => {
    const [code, endedBy]: [number | null, NodeJS.Signals | null] = await exit;
    const close = setTimeout(() => child.stderr.destroy(), AFTER_EXIT_MS);
    const same = formatCookie(cookie);
    await killStrays((other) => formatCookie(other) === same);
    await stderrClosed;
    clearTimeout(close);
    return { code, signal: endedBy, stderr: stderr() };
  })();
  // Whoever needs it awaits it; nobody may, when the start of the run fails later.
  exited.catch(() => {});

  let stopping: Promise<void> | undefined;
  async function end(): Promise<void> {
    if (!gone) {
      signal(-pid, "SIGTERM");
      kill = setTimeout(() => signal(-pid, "SIGKILL"), options.graceMs);
    }
    await exited;
  }

  return { pid, stdout: child.stdout, endInput: () => child.stdin.end(), exited, stop: () => (stopping ??= end()) };
}

/** Never 0, which would mean our own group. */
function pidOf({ pid }: { readonly pid?: number | undefined }): number {
  if (!pid) throw new Error("a process that was started has no id");
  return pid;
}

function keepBeginning(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream.on("data", (chunk: Buffer) => {
    if (bytes < STDERR_BYTES) chunks.push(chunk.subarray(0, STDERR_BYTES - bytes));
    bytes += chunk.length;
  });
  stream.on("error", () => {});
  return () => Buffer.concat(chunks).toString("utf8");
}
