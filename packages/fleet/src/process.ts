import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { isAbsolute } from "node:path";
import { createInterface } from "node:readline";

export type OutputStream = "stdout" | "stderr";

export interface ProcessOptions {
  /** For messages. */
  readonly name: string;
  /** Path, or a name that is looked up in the PATH of `env`. */
  readonly command: string;
  readonly args: readonly string[];
  /** All that the process sees: nothing of the parent's environment is added. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string | undefined;
  readonly onLine?: ((line: string, stream: OutputStream) => void) | undefined;
  /** The permissions that files of the process do not get; this one's when absent. */
  readonly umask?: number | undefined;
  /** File descriptors of this process that it gets as its 3, 4 and so on, open for as long as it lives. */
  readonly keepOpen?: readonly number[] | undefined;
}

export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ManagedProcess {
  readonly name: string;
  readonly pid: number;
  /** Resolves when the process is gone and its output was read. Never rejects. */
  readonly exited: Promise<ProcessExit>;
  /** The last lines of its output, for messages about its end. */
  lastLines(): readonly string[];
  /** Signals the process itself, not what it started. False when it is gone. */
  kill(signal: NodeJS.Signals): boolean;
  /** SIGTERM to the process; after `graceMs` (10 s), SIGKILL to its group. Idempotent. */
  stop(graceMs?: number): Promise<ProcessExit>;
}

const KEPT_LINES = 20;
// A descendant that left the group may hold the pipes open for ever; its parent is gone all the same.
const OUTPUT_GRACE_MS = 200;

// Part of util-linux, so that any Debian has it.
const SETPRIV = "/usr/bin/setpriv";

/**
 * Starts a child process as the leader of its own group. Resolves once it runs; rejects with the reason when it cannot be started.
 * However it ends, what is left of its group is killed.
 * Children are killed when this process exits. When it is itself killed with SIGKILL, they get a SIGTERM from Linux if their command is
 * a path; elsewhere they are then left behind.
 */
export function startProcess(options: ProcessOptions): Promise<ManagedProcess> {
  const [command = options.command, ...args] = [...deathSignal(options.command), options.command, ...options.args];
  const child = withUmask(options.umask, () =>
    spawn(command, args, {
      cwd: options.cwd,
      env: { ...options.env },
      detached: true,
      stdio: ["ignore", "pipe", "pipe", ...(options.keepOpen ?? [])],
    }),
  );
  return new Promise((resolve, reject) => {
    child.once("error", (error) => reject(new Error(`${options.name} cannot be started: ${error.message}`)));
    child.once("spawn", () => {
      if (child.pid !== undefined) resolve(manage(child, child.pid, options));
    });
  });
}

/** A child has the mask that its parent had when it was made, and `spawn` makes it before it returns. */
function withUmask<T>(umask: number | undefined, make: () => T): T {
  if (umask === undefined) return make();
  const before = process.umask(umask);
  try {
    return make();
  } finally {
    process.umask(before);
  }
}

/** What to put before a command for it to end with its parent. It replaces itself by the command, so that the process is the same. */
function deathSignal(command: string): readonly string[] {
  return existsSync(SETPRIV) && isAbsolute(command) && existsSync(command) ? [SETPRIV, "--pdeathsig", "TERM"] : [];
}

function manage(child: ChildProcess, pid: number, options: ProcessOptions): ManagedProcess {
  const tail: string[] = [];
  for (const stream of ["stdout", "stderr"] as const) {
    const input = child[stream];
    if (input === null) continue;
    createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY }).on("line", (line) => {
      tail.push(line);
      if (tail.length > KEPT_LINES) tail.shift();
      options.onLine?.(line, stream);
    });
  }

  endWithParent(pid);
  const exited = new Promise<ProcessExit>((resolve) => {
    child.once("exit", (code, signal) => {
      outlivedByParent(pid);
      // Now, while the number cannot be another's yet: nobody looks after what a crashed process left behind.
      killGroup(pid);
      const patience = setTimeout(() => resolve({ code, signal }), OUTPUT_GRACE_MS);
      child.once("close", () => {
        clearTimeout(patience);
        resolve({ code, signal });
      });
    });
  });

  return {
    name: options.name,
    pid,
    exited,
    lastLines: () => [...tail],
    kill: (signal) => child.exitCode === null && child.signalCode === null && child.kill(signal),
    async stop(graceMs = 10_000) {
      if (!child.kill("SIGTERM")) return exited;
      const lastResort = setTimeout(() => killGroup(pid), graceMs);
      return exited.finally(() => clearTimeout(lastResort));
    },
  };
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, "SIGKILL");
  } catch (error) {
    // Gone already is what was asked for.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

const running = new Set<number>();

function endWithParent(pid: number): void {
  if (running.size === 0) process.on("exit", killAll);
  running.add(pid);
}

function outlivedByParent(pid: number): void {
  running.delete(pid);
  if (running.size === 0) process.off("exit", killAll);
}

function killAll(): void {
  for (const pid of running) killGroup(pid);
}
