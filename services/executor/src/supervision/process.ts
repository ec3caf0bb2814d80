import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { COOKIE_NAME } from "./cookie.js";
import { killAll, signal } from "./kill.js";
import { HAS_PROC, readStat } from "./proc.js";
import type { RunPlace } from "./run-place.js";

export interface ProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** All that the process sees, save the cookie of its place, which is added. */
  readonly env: Readonly<Record<string, string>>;
  readonly place: RunPlace;
  /** From SIGTERM to SIGKILL. */
  readonly graceMs: number;
  /** Path of util-linux' setpriv: the process then dies with this one, however this one ends. */
  readonly setpriv: string | undefined;
}

export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** It was asked to end before it did. */
  readonly stopped: boolean;
  /** The beginning of what it wrote to stderr. */
  readonly stderr: string;
}

const STDERR_BYTES = 2_048;
/** A process that left the tree unseen may hold a pipe open; after the end of the run it is listened to for this long. */
export const AFTER_EXIT_MS = 1_000;
/** How often what is left of the tree is looked for while it has its grace. */
const LEFT_MS = 50;

/** Resolves when the process runs; rejects when it cannot be started. */
export async function startProcess(options: ProcessOptions): Promise<SupervisedProcess> {
  const { env, place } = options;
  const [file = "", ...argv] = commandOf(options);
  // Node would give every child the executor's own NODE_V8_COVERAGE, whatever `env` has.
  const whole = { NODE_V8_COVERAGE: undefined, ...env, [COOKIE_NAME]: place.cookie };
  const child = spawn(file, argv, { cwd: place.folder.work, env: whole, detached: true, stdio: "pipe" });
  // `once` rejects on "error", which is what comes in place of "spawn".
  await once(child, "spawn");
  return new SupervisedProcess(child, options);
}

/** A process that leads its own session and group, with all that it starts. */
export class SupervisedProcess {
  readonly pid: number;
  readonly stdout: ChildProcessWithoutNullStreams["stdout"];
  /** Resolves when the process and all that it started are gone. Rejects when some of it does not die. */
  readonly exited: Promise<ProcessExit>;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #options: Pick<ProcessOptions, "place" | "graceMs">;
  #gone = false;
  #grace: NodeJS.Timeout | undefined;
  /** Aborts when SIGKILL is due. */
  readonly #patience = new AbortController();

  /** `child` has just started. */
  constructor(child: ChildProcessWithoutNullStreams, options: Pick<ProcessOptions, "place" | "graceMs">) {
    this.#child = child;
    this.#options = options;
    this.pid = pidOf(child);
    this.stdout = child.stdout;
    options.place.tree.rootStarted(this.pid);
    // When a process ends, Node reads streams that nobody listens to yet, and throws that away: a short run would have said nothing.
    child.stdout.on("readable", () => {});
    // The process may end before it has read its input.
    child.stdin.on("error", () => {});
    this.#patience.signal.addEventListener("abort", () => {
      if (!this.#gone) signal(-this.pid, "SIGKILL");
    });
    this.exited = this.#end(this.#rootExit());
    // The one who needs it awaits it; there may be none, when the start of the run fails later.
    this.exited.catch(() => {});
  }

  /** False as soon as the kernel knows that it ended. */
  get alive(): boolean {
    return !this.#gone && (!HAS_PROC || readStat(this.pid) !== undefined);
  }

  /** What it reads from stdin, which stays open after it. */
  write(input: string): void {
    this.#child.stdin.write(input);
  }

  /** Closes its stdin. */
  endInput(): void {
    this.#child.stdin.end();
  }

  /** SIGTERM to all of the tree, `graceMs` for all of it to end, SIGKILL. Resolves when none is left. Idempotent. */
  async stop(): Promise<void> {
    if (!this.#gone && this.#grace === undefined) {
      const { place, graceMs } = this.#options;
      this.#grace = setTimeout(() => this.#patience.abort(), graceMs);
      signal(-this.pid, "SIGTERM");
      // Twice would be taken for impatience.
      const outside = (await place.tree.look()).filter(({ group }) => group !== this.pid);
      for (const row of outside) signal(row.pid, "SIGTERM");
    }
    await this.exited;
  }

  /** As `stop`, without the grace, also when that is running. */
  async kill(): Promise<void> {
    this.#patience.abort();
    await this.exited;
  }

  /** Tells at once that the root is gone. */
  #rootExit(): Promise<Omit<ProcessExit, "stderr">> {
    return new Promise((resolve) => {
      this.#child.once("exit", (code, endedBy) => {
        this.#options.place.tree.rootExited();
        // What the engine left behind ends with it, whether it ended well or not; if it was asked to end, so were they, and have the
        // same time for it. From now on the id may be another's.
        if (this.#grace === undefined || !HAS_PROC) signal(-this.pid, "SIGKILL");
        this.#gone = true;
        const stopped = this.#grace !== undefined || this.#patience.signal.aborted;
        resolve({ code, signal: endedBy, stopped });
      });
    });
  }

  /** Waits for the root's end and ends what is left of the tree. */
  async #end(rootExit: Promise<Omit<ProcessExit, "stderr">>): Promise<ProcessExit> {
    const { stderr } = this.#child;
    const { tree, cgroup } = this.#options.place;
    const said = keepBeginning(stderr);
    const closed = new Promise<void>((resolve) => stderr.once("close", resolve));
    const exit = await rootExit;
    const close = setTimeout(() => stderr.destroy(), AFTER_EXIT_MS);
    const look = async () => (await tree.look()).map((row) => row.pid);
    if (this.#grace !== undefined) await noneLeft(look, this.#patience.signal);
    clearTimeout(this.#grace);
    await cgroup?.kill();
    await killAll(look);
    await closed;
    clearTimeout(close);
    return { ...exit, stderr: said() };
  }
}

/** Each of these replaces itself by the next, so that the process stays the same. */
function commandOf({ command, args, place: { cgroup }, setpriv }: ProcessOptions): readonly string[] {
  const enter = cgroup ? ["/bin/sh", "-c", 'echo 0 >"$1" && shift && exec "$@"', "sh", cgroup.procs] : [];
  const dieWithUs = setpriv ? [setpriv, "--pdeathsig", "KILL", "--"] : [];
  return [...enter, ...dieWithUs, command, ...args];
}

async function noneLeft(look: () => Promise<readonly number[]>, patience: AbortSignal): Promise<void> {
  while (!patience.aborted && (await look()).length > 0) {
    await delay(LEFT_MS, undefined, { signal: patience }).catch(() => {});
  }
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
