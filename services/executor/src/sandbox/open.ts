import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { findExecutable } from "@ccsp/engine-kit";
import { executorFiles, systemFiles } from "@ccsp/engine-kit/own-files";
import type { Logger } from "pino";
import { createBubblewrap } from "./bubblewrap.js";
import type { SandboxConfig } from "./config.js";
import type { Sandbox, SandboxStatus } from "./sandbox.js";

const { mkdir, mkdtemp, rm } = executorFiles;

export interface OpenSandboxOptions {
  readonly config: SandboxConfig;
  /** PATH that is searched for executables of the host. */
  readonly searchPath: string;
  /** PATH of engines. */
  readonly path: string;
  /** A folder of the executor. */
  readonly folder: string;
  /** A folder with a short path. */
  readonly temporary: string;
  readonly log: Logger;
}

export interface OpenedSandbox {
  /** Undefined: runs are not confined. */
  readonly sandbox: Sandbox | undefined;
  readonly status: SandboxStatus;
}

const PROBE_MS = 10_000;
const run = promisify(execFile);

/**
 * Opens the sandbox after it ran a command in one. If that fails, `required` rejects, and `auto` goes on without a
 * sandbox and says so in the log and in the status.
 */
export async function openSandbox(options: OpenSandboxOptions): Promise<OpenedSandbox> {
  const { config, log } = options;
  const { mode, network } = config;
  if (mode === "off") return open("CCSP_EXECUTOR_SANDBOX is off");
  try {
    const sandbox = await create(options);
    await probe(sandbox, options);
    log.info({ network }, "each run gets a sandbox of its own");
    if (network === "full")
      log.warn("runs in a sandbox reach this host's own ports: CCSP_EXECUTOR_SANDBOX_NETWORK is full");
    return { sandbox, status: { confined: true, network, reason: "" } };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (mode === "required") {
      throw new Error(`CCSP_EXECUTOR_SANDBOX is required, and this host has no sandbox for runs: ${reason}`, {
        cause: error,
      });
    }
    log.warn({ reason }, "runs have no sandbox: what a task may execute can do all that this user can");
    return open(reason);
  }
}

const open = (reason: string): OpenedSandbox => ({
  sandbox: undefined,
  status: { confined: false, network: "", reason },
});

async function create({ config, searchPath, path, folder, log }: OpenSandboxOptions): Promise<Sandbox> {
  const find = (name: string, setting: string, what: string) => {
    const found = findExecutable(name, searchPath);
    if (found === undefined) throw new Error(`there is no ${name}: install ${what}, or name it in ${setting}`);
    // A link may be in a folder that runs do not see.
    return systemFiles.realpathSync(found);
  };
  const { network, hosts, reads, writes, bytes } = config;
  const bwrap = find(config.bwrap, "CCSP_EXECUTOR_BWRAP_BIN", "bubblewrap");
  const socat = network === "hosts" ? find(config.socat, "CCSP_EXECUTOR_SOCAT_BIN", "socat") : undefined;
  return await createBubblewrap({ bwrap, socat, network, hosts, reads, writes, bytes, path, folder, log });
}

/** Runs `true` in a sandbox with all that a run's sandbox has, also its network. */
async function probe(sandbox: Sandbox, { folder, temporary, path }: OpenSandboxOptions): Promise<void> {
  const tmp = await mkdtemp(join(temporary, "p"));
  const own = await mkdtemp(join(folder, "probe-"));
  const places = { path: own, work: join(own, "work"), home: join(own, "home"), tmp };
  try {
    for (const each of [places.work, places.home]) await mkdir(each, { mode: 0o700 });
    const opened = await sandbox.open({
      run: "probe",
      folder: places,
      keepsWork: false,
      command: "/bin/sh",
      env: { PATH: path },
      access: { hosts: ["localhost:9"] },
    });
    try {
      const [file = "", ...args] = opened.line;
      const test = ["/bin/sh", "-c", "[ $$ -gt 1 ] && [ $$ -lt 100 ]"];
      await run(file, [...args, ...test], { env: { ...opened.env }, cwd: "/", timeout: PROBE_MS });
    } catch (error) {
      throw new Error(`bubblewrap cannot confine a process here: ${saidBy(error)}`, { cause: error });
    } finally {
      await opened.close();
    }
  } finally {
    for (const each of [tmp, own]) await rm(each, { recursive: true, force: true });
  }
}

/** What the program wrote, in one line. Node's own message repeats the whole command line. */
function saidBy(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const stderr = "stderr" in error && typeof error.stderr === "string" ? error.stderr : "";
  const code = "code" in error ? error.code : undefined;
  // Node ended it at the time limit, and there is no code.
  if ("killed" in error && error.killed === true) return `it did not end within ${PROBE_MS} ms; does socat start?`;
  return stderr.trim().split("\n").slice(0, 3).join("; ") || `it ended with ${String(code)}`;
}
