import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { findExecutable } from "@ccsp/engine-kit";
import { executorFiles, systemFiles } from "@ccsp/engine-kit/own-files";
import type { Logger } from "pino";
import { createBubblewrap } from "./bubblewrap.js";
import type { SandboxConfig } from "./config.js";
import { isWithin } from "./mounts.js";
import type { OpenSandbox, Sandbox, SandboxStatus } from "./sandbox.js";

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
  /** Why no run may work in a folder of this host. Undefined: runs may. */
  readonly noWorkingFolders: string | undefined;
}

const PROBE_MS = 10_000;

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
    const { noWorkingFolders } = sandbox;
    if (noWorkingFolders !== undefined)
      log.warn({ reason: noWorkingFolders }, "tasks with a working folder are refused");
    return { sandbox, status: { confined: true, network, reason: "" }, noWorkingFolders };
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
  noWorkingFolders: systemFiles.existsSync("/proc/self/stat")
    ? undefined
    : "without /proc, a folder can be swapped between its check and its use",
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
  const findSocat = () => find(config.socat, "CCSP_EXECUTOR_SOCAT_BIN", "socat");
  // Without a network, a run needs it only for a stand-in.
  const optional = findExecutable(config.socat, searchPath) === undefined ? undefined : findSocat;
  const socat = { hosts: findSocat, none: optional, full: undefined }[network]?.();
  return await createBubblewrap({ bwrap, socat, network, hosts, reads, writes, bytes, path, folder, log });
}

/**
 * Looks from a sandbox with all that a run's sandbox has, also its network. It never writes: what it looks at are the
 * settings of the whole machine.
 */
async function probe(sandbox: Sandbox, { folder, temporary, path }: OpenSandboxOptions): Promise<void> {
  const tmp = await mkdtemp(join(temporary, "p"));
  const own = await mkdtemp(join(folder, "probe-"));
  const places = { path: own, work: join(own, "work"), home: join(own, "home"), tmp };
  try {
    for (const each of [places.work, places.home]) await mkdir(each, { mode: 0o700 });
    const opened = await sandbox.open({
      run: "probe",
      folder: places,
      workingFolder: undefined,
      command: "/bin/sh",
      env: { PATH: path },
      access: { hosts: ["localhost:9"] },
    });
    try {
      const fault = faultIn(await look(opened));
      if (fault !== undefined) throw new Error(`bubblewrap cannot confine a process here: ${fault}`);
    } finally {
      await opened.close();
    }
  } finally {
    for (const each of [tmp, own]) await rm(each, { recursive: true, force: true });
  }
}

/** Files, because the kernel says of the folders above them that nobody may write them. Not every kernel has both. */
const OF_THE_MACHINE = ["/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger"];

/** Prints its own pid, its uid, the files that it could write, and the mounts that it sees. */
const LOOK = [
  'echo "pid $$"',
  'echo "uid $(id -u)"',
  `for file in ${OF_THE_MACHINE.join(" ")}; do [ -e $file ] && echo "has $file"; [ -w $file ] && echo "writes $file"; done`,
  "cat /proc/self/mountinfo",
].join("\n");

/** What it said. Rejects if it could not be run. */
async function look({ line, descriptors, env }: OpenSandbox): Promise<string> {
  const [file = "", ...args] = line;
  const child = spawn(file, [...args, "/bin/sh", "-c", LOOK], {
    env: { ...env },
    cwd: "/",
    stdio: ["ignore", "pipe", "pipe", ...descriptors],
    timeout: PROBE_MS,
    killSignal: "SIGKILL",
  });
  const said = Promise.all([child.stdout, child.stderr].map(async (stream) => (stream ? await text(stream) : "")));
  const [code]: readonly (number | null)[] = await once(child, "close");
  const [stdout = "", stderr = ""] = await said;
  if (code === 0) return stdout;
  // Node ended it at the time limit, and there is no code.
  const why = child.killed ? `it did not end within ${PROBE_MS} ms; does socat start?` : "";
  const first = stderr.trim().split("\n").slice(0, 3).join("; ");
  throw new Error(`bubblewrap cannot confine a process here: ${why || first || `it ended with ${code}`}`);
}

/** Why a run could do too much, by what the probe said. */
function faultIn(said: string): string | undefined {
  const lines = said.split("\n");
  const pid = Number(/^pid (\d+)$/m.exec(said)?.[1]);
  if (!(pid > 1 && pid < 100)) return "it sees the processes of this host";
  const mounts = lines.map((line) => line.split(" "));
  for (const file of OF_THE_MACHINE.filter((each) => lines.includes(`has ${each}`))) {
    if (lines.includes(`writes ${file}`)) return `a run could write ${file}`;
    if (lines.includes("uid 0") && !isReadOnly(file, mounts)) return `the mount of ${file} is not read-only`;
  }
  return undefined;
}

/** Asks the innermost mount. If there are several at its path, each has to be read-only: their order is not shown. */
function isReadOnly(file: string, mounts: readonly (readonly string[])[]): boolean {
  const around = mounts.filter(([, , , , at = ""]) => isWithin(file, at));
  const most = Math.max(...around.map(([, , , , at = ""]) => at.length));
  const innermost = around.filter(([, , , , at = ""]) => at.length === most);
  return innermost.length > 0 && innermost.every(([, , , , , options = ""]) => options.split(",").includes("ro"));
}
