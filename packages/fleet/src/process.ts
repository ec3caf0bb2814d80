import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { isAbsolute } from "node:path";
import { createInterface } from "node:readline";

export type OutputStream = "stdout" | "stderr";

export interface ProcessOptions {
  /** The name in messages. */
  readonly name: string;
  /** A path, or a name that is looked up in the PATH of `env`. */
  readonly command: string;
  readonly args: readonly string[];
  /** The complete environment of the process. Nothing of the parent's environment is added. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string | undefined;
  readonly onLine?: ((line: string, stream: OutputStream) => void) | undefined;
  /**
   * The umask: permission bits that new files of the process do not get. If omitted, the process has the umask of this
   * one.
   */
  readonly umask?: number | undefined;
  /**
   * File descriptors of this process. The child gets them as its 3, 4 and so on, and keeps them open for its whole
   * life.
   */
  readonly keepOpen?: readonly number[] | undefined;
}

export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ManagedProcess {
  readonly name: string;
  readonly pid: number;
  /** Resolves when the process has ended and its output was read. Never rejects. */
  readonly exited: Promise<ProcessExit>;
  /** The last lines of its output, for messages about its end. */
  lastLines(): readonly string[];
  /** Signals the process itself, not its children. Returns false if the process has ended. */
  kill(signal: NodeJS.Signals): boolean;
  /** Sends SIGTERM to the process, and after `graceMs` (10 s) SIGKILL to its group. Idempotent. */
  stop(graceMs?: number): Promise<ProcessExit>;
}

const KEPT_LINES = 20;
// A descendant that left the group may hold the pipes open without a limit, although the process itself has ended.
const OUTPUT_GRACE_MS = 200;

// It is part of util-linux, so every Debian has it.
const SETPRIV = "/usr/bin/setpriv";

/**
 * Starts a child process as the leader of its own process group. Resolves when it runs. Rejects with the reason if it
 * cannot be started.
 *
 * When the process ends, the rest of its group is killed. When this process exits, all children are killed. If this
 * process is killed with SIGKILL, Linux sends SIGTERM to each child whose command is a path. On other systems the
 * children then keep running.
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

/** A child gets the umask that its parent has when it is made. `spawn` makes the child before it returns. */
function withUmask<T>(umask: number | undefined, make: () => T): T {
  if (umask === undefined) return make();
  const before = process.umask(umask);
  try {
    return make();
  } finally {
    process.umask(before);
  }
}

/**
 * Returns the command to put before a command, so that it ends with its parent. setpriv replaces itself by the command,
 * so the process stays the same.
 */
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
      // Kills the group now, while no other process can have this number yet. No other code cleans up what a crashed
      // process leaves behind.
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
    // ESRCH means that the group has ended already, which is the wanted result.
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
