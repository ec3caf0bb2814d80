import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, realpath, rm } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import type { Overrun, RunExit } from "../run-handle.js";
import { STANDARD_PATH } from "../settings.js";
import type { RunFolder, SupervisedRun, Supervisor } from "../supervisor.js";
import type { SupervisorNeeds } from "./rig.js";

const GRACE_MS = 500;
const PATH = [...STANDARD_PATH, dirname(process.execPath)].join(delimiter);

/**
 * The part of the executor's supervisor that a test of an engine needs: process group, folders, environment, and the
 * clocks for time and silence. It does not find processes that left their group.
 */
export const createPlainSupervisor = ({ folder, silenceMs }: SupervisorNeeds): Supervisor => ({
  async start({ command, prepare, input, wallMs, traceparent, workingFolder, collect }) {
    const made = await createFolders(folder);
    const place = { ...made, work: workingFolder ?? made.work };
    const { args, env, input: prepared = input } = await prepare(place, false);
    // Node would pass its own NODE_V8_COVERAGE to every child, whatever `env` has.
    const always = { NODE_V8_COVERAGE: undefined, PATH, HOME: place.home, TMPDIR: place.tmp, LANG: "C.UTF-8" };
    const traced = traceparent === "" ? {} : { TRACEPARENT: traceparent };
    const child = spawn(command, [...args], {
      cwd: place.work,
      env: { ...always, ...env, ...traced },
      detached: true,
    });
    await once(child, "spawn");
    return new PlainRun(child, {
      input: prepared,
      wallMs,
      silenceMs,
      async remove() {
        await collect?.(place).catch(() => {});
        await rm(place.path, { recursive: true, force: true, maxRetries: 5 });
      },
    });
  },
});

interface PlainRunOptions {
  readonly input: string;
  readonly wallMs: number;
  readonly silenceMs: number;
  readonly remove: () => Promise<void>;
}

/** Its methods may be called detached, like those of the executor's runs. */
class PlainRun implements SupervisedRun {
  readonly pid: number;
  readonly output: AsyncIterable<Buffer>;
  readonly exited: Promise<RunExit>;
  readonly resources = { cpuMs: undefined, peakMemoryBytes: undefined };
  readonly processes = 1;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #options: PlainRunOptions;
  readonly #startedAt = performance.now();
  readonly #timers = new Set<NodeJS.Timeout>();
  #overrun: Overrun | undefined;
  #asked = false;
  /** Output that comes while the process is being ended does not count. */
  #cut = false;
  #stderr = "";
  #lingers = () => {};

  constructor(child: ChildProcessWithoutNullStreams, options: PlainRunOptions) {
    this.#child = child;
    this.#options = options;
    this.pid = child.pid ?? 0;
    child.stderr.on("data", (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString("utf8")).slice(0, 2_048);
    });
    child.stdin.on("error", () => {});
    child.stdin.write(options.input);
    this.exited = this.#exit();
    this.exited.catch(() => {});
    this.#after(options.wallMs, () => this.#pass("wall"));
    this.output = this.#read();
  }

  readonly progress = (): void => {};

  readonly stop = async (): Promise<void> => {
    this.#asked = this.#cut = true;
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#end();
    await this.exited;
  };

  readonly kill = async (): Promise<void> => {
    this.#asked = this.#cut = true;
    signalGroup(this.pid, "SIGKILL");
    await this.exited;
  };

  readonly endInput = (ms: number | undefined): void => {
    this.#child.stdin.end();
    this.#lingers();
    this.#lingers = ms === undefined ? () => {} : this.#after(ms, () => this.#end());
  };

  async #exit(): Promise<RunExit> {
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
      this.#child.once("exit", (...exit) => {
        signalGroup(this.pid, "SIGKILL");
        resolve(exit);
      });
    });
    for (const timer of this.#timers) clearTimeout(timer);
    const runMs = performance.now() - this.#startedAt;
    const overrun = this.#overrun;
    const cause = overrun ?? (this.#asked ? "stopped" : signal ? "signal" : "exited");
    await this.#options.remove();
    return { code, signal, stderr: this.#stderr, overrun, cause, runMs };
  }

  async *#read(): AsyncGenerator<Buffer> {
    const chunks = this.#child.stdout.iterator();
    try {
      for (;;) {
        const heard = this.#after(this.#options.silenceMs, () => this.#pass("silence"));
        const next: IteratorResult<Buffer, undefined> = await chunks.next();
        heard();
        if (next.done) return;
        if (!this.#cut) yield next.value;
      }
    } finally {
      // The pipe's end stays open while something is left in it.
      this.#child.stdout.destroy();
    }
  }

  /** Returns a function that stops the clock. */
  #after(ms: number, act: () => void): () => void {
    const timer = setTimeout(act, ms);
    this.#timers.add(timer);
    return () => clearTimeout(timer);
  }

  #pass(why: Overrun): void {
    this.#cut = true;
    this.#overrun ??= why;
    this.#end();
  }

  #end(): void {
    signalGroup(this.pid, "SIGTERM");
    this.#after(GRACE_MS, () => signalGroup(this.pid, "SIGKILL"));
  }
}

async function createFolders(parent: string): Promise<RunFolder> {
  const path = await realpath(await mkdtemp(join(parent, "run-")));
  const folder = { path, work: join(path, "work"), home: join(path, "home"), tmp: join(path, "tmp") };
  for (const part of [folder.work, folder.home, folder.tmp]) await mkdir(part, { mode: 0o700 });
  return folder;
}

function signalGroup(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(-pid, name);
  } catch {
    // The group is gone.
  }
}
