import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { COOKIE_NAME } from "./cookie.js";
import { killAll, signal } from "./kill.js";
import { HAS_PROC, readStat } from "./proc.js";
import type { RunPlace } from "./run-place.js";

export interface ProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** The complete environment of the process, except the cookie of its place, which is added. */
  readonly env: Readonly<Record<string, string>>;
  readonly place: RunPlace;
  /** Time from SIGTERM to SIGKILL. */
  readonly graceMs: number;
  /** Path of setpriv from util-linux. With it, the process dies with this one, even if this one is killed. */
  readonly setpriv: string | undefined;
}

export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** It was asked to end before it ended. */
  readonly stopped: boolean;
  /** The beginning of its stderr. */
  readonly stderr: string;
}

const STDERR_BYTES = 2_048;
/**
 * A process that left the tree unseen may keep a pipe open. The pipe is still read for this long after the end of the
 * run.
 */
export const AFTER_EXIT_MS = 1_000;
/** Interval of the scans for the rest of the tree during its grace. */
const LEFT_MS = 50;

/** Resolves when the process runs. Rejects if it cannot be started. */
export async function startProcess(options: ProcessOptions): Promise<SupervisedProcess> {
  const { env, place } = options;
  const [file = "", ...argv] = commandOf(options);
  // Otherwise Node would give every child the executor's own NODE_V8_COVERAGE, even if `env` does not have it.
  const whole = { NODE_V8_COVERAGE: undefined, ...env, [COOKIE_NAME]: place.cookie };
  const child = spawn(file, argv, {
    cwd: startFolder(place),
    env: whole,
    detached: true,
    stdio: ["pipe", "pipe", "pipe", ...(place.sandbox?.descriptors ?? [])],
  });
  // If the start fails, "error" comes in place of "spawn". Then `once` rejects.
  await once(child, "spawn");
  assertPipes(child);
  return new SupervisedProcess(child, options);
}

/**
 * A sandbox enters the run's folder itself. Outside of one, a folder of the host is entered by its descriptor, which the
 * new process still has when it does so: another task may have swapped what has its name.
 */
function startFolder({ sandbox, workingFolder, folder }: RunPlace): string {
  if (sandbox) return "/";
  return workingFolder ? `/proc/self/fd/${workingFolder.fd}` : folder.work;
}

function assertPipes(child: ChildProcess): asserts child is ChildProcessWithoutNullStreams {
  if (!child.stdin || !child.stdout || !child.stderr) throw new Error("a process that was started has no pipes");
}

/** A process that leads its own session and group, with all processes that it starts. */
export class SupervisedProcess {
  readonly pid: number;
  readonly stdout: ChildProcessWithoutNullStreams["stdout"];
  /** Resolves when the process and all that it started are gone. Rejects if some of them do not die. */
  readonly exited: Promise<ProcessExit>;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #options: Pick<ProcessOptions, "place" | "graceMs">;
  #gone = false;
  #grace: NodeJS.Timeout | undefined;
  /** Aborts when it is time for SIGKILL. */
  readonly #patience = new AbortController();

  /** `child` has just started. */
  constructor(child: ChildProcessWithoutNullStreams, options: Pick<ProcessOptions, "place" | "graceMs">) {
    this.#child = child;
    this.#options = options;
    this.pid = pidOf(child);
    this.stdout = child.stdout;
    options.place.tree.rootStarted(this.pid);
    // When a process ends, Node reads the streams that have no listener yet and discards their data. Without this
    // listener, the output of a short run would be lost.
    child.stdout.on("readable", () => {});
    // The process may end before it has read its input.
    child.stdin.on("error", () => {});
    this.#patience.signal.addEventListener("abort", () => {
      if (!this.#gone) signal(-this.pid, "SIGKILL");
    });
    this.exited = this.#end(this.#rootExit());
    // The caller that needs `exited` awaits it. If the start of the run fails later, there may be no such caller.
    this.exited.catch(() => {});
  }

  /** False as soon as the kernel knows that the process ended. */
  get alive(): boolean {
    return !this.#gone && (!HAS_PROC || readStat(this.pid) !== undefined);
  }

  /** Writes to its stdin, which stays open. */
  write(input: string): void {
    this.#child.stdin.write(input);
  }

  endInput(): void {
    this.#child.stdin.end();
  }

  /**
   * Sends SIGTERM to the whole tree, waits up to `graceMs` for all of it to end, then sends SIGKILL. Resolves when none
   * is left. Idempotent.
   */
  async stop(): Promise<void> {
    if (!this.#gone && this.#grace === undefined) {
      const { place, graceMs } = this.#options;
      this.#grace = setTimeout(() => this.#patience.abort(), graceMs);
      // A sandbox has no grace: if its outermost process gets SIGTERM, the kernel kills all processes in it.
      if (!place.sandbox) signal(-this.pid, "SIGTERM");
      // The group has its SIGTERM already. A program may take a second one as an order to end without cleanup.
      const left = (await place.tree.scan()).filter(({ pid, group }) =>
        place.sandbox ? pid !== this.pid : group !== this.pid,
      );
      for (const row of left) signal(row.pid, "SIGTERM");
    }
    await this.exited;
  }

  /** Like `stop`, but without the grace, and even during a grace. */
  async kill(): Promise<void> {
    this.#patience.abort();
    await this.exited;
  }

  /** Notifies the tree immediately when the root is gone. */
  #rootExit(): Promise<Omit<ProcessExit, "stderr">> {
    return new Promise((resolve) => {
      this.#child.once("exit", (...exit) => {
        const { code, signal: endedBy } = this.#options.place.sandbox ? withinSandbox(...exit) : asSeen(...exit);
        this.#options.place.tree.rootExited();
        // The processes that the engine left end with it, whether the engine succeeded or failed. If the engine was
        // asked to end, these processes were asked too, and have the same grace. From now on, the pid may belong to
        // another process.
        if (this.#grace === undefined || !HAS_PROC) signal(-this.pid, "SIGKILL");
        this.#gone = true;
        const stopped = this.#grace !== undefined || this.#patience.signal.aborted;
        resolve({ code, signal: endedBy, stopped });
      });
    });
  }

  /** Waits until the root ends, then ends the rest of the tree. */
  async #end(rootExit: Promise<Omit<ProcessExit, "stderr">>): Promise<ProcessExit> {
    const { stderr } = this.#child;
    const { tree, cgroup } = this.#options.place;
    const said = keepBeginning(stderr);
    const closed = new Promise<void>((resolve) => stderr.once("close", resolve));
    const exit = await rootExit;
    const close = setTimeout(() => stderr.destroy(), AFTER_EXIT_MS);
    const scan = async () => (await tree.scan()).map((row) => row.pid);
    if (this.#grace !== undefined) await noneLeft(scan, this.#patience.signal);
    clearTimeout(this.#grace);
    await cgroup?.kill();
    await killAll(scan);
    await closed;
    clearTimeout(close);
    return { ...exit, stderr: said() };
  }
}

/**
 * Each of these commands replaces itself with the next one (exec), so the pid stays the same. A sandbox starts the
 * command as its own child instead, and dies with this process by itself.
 */
function commandOf({ command, args, place: { cgroup, sandbox }, setpriv }: ProcessOptions): readonly string[] {
  const enter = cgroup ? ["/bin/sh", "-c", 'echo 0 >"$1" && shift && exec "$@"', "sh", cgroup.procs] : [];
  const dieWithUs = setpriv && !sandbox ? [setpriv, "--pdeathsig", "KILL", "--"] : [];
  return [...enter, ...dieWithUs, ...(sandbox?.line ?? []), command, ...args];
}

type Exit = Pick<ProcessExit, "code" | "signal">;

const asSeen = (code: number | null, endedBy: NodeJS.Signals | null): Exit => ({ code, signal: endedBy });

/** Signals that no program turns into an exit code by itself. A sandbox reports them as 128 and their number. */
const FATAL: readonly NodeJS.Signals[] = ["SIGKILL", "SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE", "SIGTRAP"];

function withinSandbox(code: number | null, endedBy: NodeJS.Signals | null): Exit {
  const fatal = code === null ? undefined : FATAL.find((name) => code === 128 + constants.signals[name]);
  return fatal ? { code: null, signal: fatal } : { code, signal: endedBy };
}

async function noneLeft(scan: () => Promise<readonly number[]>, patience: AbortSignal): Promise<void> {
  while (!patience.aborted && (await scan()).length > 0) {
    await delay(LEFT_MS, undefined, { signal: patience }).catch(() => {});
  }
}

/** Never 0, because 0 would mean this process's own group. */
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
