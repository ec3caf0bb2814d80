import { join } from "node:path";
import { createBelow, type RunFolder, type RunOptions } from "@ccsp/engine-kit";
import type { Logger } from "pino";
import type { Broker } from "../broker/broker.js";
import type { Sandbox } from "../sandbox/sandbox.js";
import type { Cgroups } from "./cgroup.js";
import { formatCookie } from "./cookie.js";
import { type LaunchedProcess, LaunchedRun } from "./launched-run.js";
import { startProcess } from "./process.js";
import { ProcessWatch } from "./process-watch.js";
import { openRunPlace } from "./run-place.js";
import type { TreeLimits } from "./tree.js";

export interface SupervisorOptions {
  readonly executorId: string;
  readonly bootId: string;
  /** Runs get their folders here. */
  readonly folder: string;
  /** Runs get their temporary folders here. */
  readonly temporary: string;
  /** PATH of every engine. */
  readonly path: string;
  readonly silenceMs: number;
  readonly stallMs: number;
  readonly graceMs: number;
  /** Limits for each run. */
  readonly limits: TreeLimits;
  /** Undefined: the supervisor only watches the processes of runs by scans. */
  readonly cgroups: Cgroups | undefined;
  readonly setpriv: string | undefined;
  /** Undefined: runs are not confined. */
  readonly sandbox: Sandbox | undefined;
  /** Undefined: the logins of engines are in their runs. There is one only if runs are confined. */
  readonly broker: Broker | undefined;
  readonly log: Logger;
}

/** Starts processes. Each waits for its input, and is a run from `use` on. */
export interface Launcher {
  /** Rejects if the process cannot be started. Nothing of it is left then. */
  launch(options: LaunchOptions): Promise<LaunchedProcess>;
}

export type LaunchOptions = Pick<
  RunOptions,
  "run" | "command" | "prepare" | "traceparent" | "workingFolder" | "workingRoot"
> & { readonly engine: string };

/**
 * Runs engines of any kind. Each run has its own session, its own folders, its own limits, and an environment with only
 * the listed variables. `close` stops the scan for strays. All runs must be over before it is called.
 */
export const createSupervisor = (options: SupervisorOptions): Launcher & { close(): Promise<void> } =>
  new HostSupervisor(options);

class HostSupervisor implements Launcher {
  readonly #options: SupervisorOptions;
  readonly #watch: ProcessWatch;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#watch = new ProcessWatch({ prefix: this.#cookieOf(""), log: options.log });
  }

  async launch(launched: LaunchOptions): Promise<LaunchedProcess> {
    const { run, engine, command, prepare, traceparent, workingFolder, workingRoot } = launched;
    const { path, graceMs, setpriv, sandbox, broker, log } = this.#options;
    const onFault = (err: unknown, message: string) => log.error({ err, run }, message);
    const cookie = this.#cookieOf(run);
    const place = await openRunPlace({ ...this.#options, run, cookie, workingFolder, watch: this.#watch });
    const { folder } = place;
    try {
      const { args, env: own, input, access = {}, provider } = await prepare(folder, broker !== undefined);
      const always = { PATH: path, HOME: folder.home, TMPDIR: folder.tmp, LANG: "C.UTF-8" };
      const traced = traceparent === "" ? {} : { TRACEPARENT: traceparent };
      const given = { ...always, ...own, ...traced };
      const standIn = provider && (await broker?.open(provider, { name: run, engine, env: given }));
      const env = standIn?.trusts ? await trusting(standIn.trusts, folder, given) : given;
      place.brokered = standIn;
      const confined = await sandbox?.open({
        run,
        folder,
        workingFolder: place.workingFolder,
        workingRoot,
        command,
        env,
        access,
        standIn,
      });
      place.sandbox = confined;
      const process = await startProcess({ command, args, env: confined?.env ?? env, place, graceMs, setpriv });
      // The process lives by now, so a fault here must not release its place.
      await confined?.started().catch((err: unknown) => onFault(err, "a sandbox could not close its files"));
      return new LaunchedRun({ process, place, clocks: this.#options, input, onFault });
    } catch (err) {
      await place.release();
      throw err;
    }
  }

  async close(): Promise<void> {
    this.#watch.close();
    await this.#options.broker?.close();
  }

  #cookieOf(run: string): string {
    const { executorId, bootId } = this.#options;
    return formatCookie({ executorId, bootId, run });
  }
}

/** The environment of a process that trusts these certificates too. */
async function trusting(
  certificates: string,
  folder: RunFolder,
  env: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, string>>> {
  await createBelow(folder.path, CERTIFICATES, certificates);
  return { ...env, NODE_EXTRA_CA_CERTS: join(folder.path, CERTIFICATES) };
}

const CERTIFICATES = "certificates.pem";
