import { existsSync } from "node:fs";
import { chmod, lstat, mkdir, readdir, readFile, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Env } from "@ccsp/config";
import { PRIVATE_FILE, PRIVATE_FOLDER, replaceFile } from "@ccsp/private-files";
import { CliError, EXIT, messageOf } from "../process/exit.js";

/** Root folder of the repository that this command belongs to. */
export const ROOT = fileURLToPath(new URL("../../../..", import.meta.url));

/** Where a local fleet keeps what must outlive one command: its secret, its pid and ports, its log and its data. */
export interface StateDir {
  readonly path: string;
  readonly settingsFile: string;
  readonly secretFile: string;
  readonly fleetFile: string;
  readonly lockFile: string;
  readonly logFile: string;
  /** Folders in which tasks of this fleet may work, one on a line. */
  readonly allowedFoldersFile: string;
  readonly traceSocket: string;
  /** The CA of this fleet, and a folder for each certificate of it. */
  readonly certificatesDir: string;
  readonly dataDir: string;
}

/**
 * `CCSP_STATE_DIR`, seen from the current folder. Otherwise `.ccsp` in the repository, if this command belongs to one.
 * Otherwise, for a command that npm installed, `$XDG_STATE_HOME/ccsp`, which is `~/.local/state/ccsp` by default.
 */
export function stateDir(env: Env, root: string = ROOT): StateDir {
  const named = env["CCSP_STATE_DIR"];
  const path = named ? resolve(named) : isCheckout(root) ? join(root, ".ccsp") : userStateDir(env);
  return {
    path,
    settingsFile: join(path, "settings.env"),
    secretFile: join(path, "jwt.secret"),
    fleetFile: join(path, "fleet.json"),
    lockFile: join(path, "fleet.lock"),
    logFile: join(path, "fleet.log"),
    allowedFoldersFile: join(path, "allowed-folders"),
    traceSocket: join(path, "traces.sock"),
    certificatesDir: join(path, "certificates"),
    dataDir: join(path, "data"),
  };
}

const isCheckout = (root: string): boolean =>
  existsSync(join(root, "pnpm-workspace.yaml")) && existsSync(join(root, "packages"));

/** The home folder of the person. */
export const homeOf = (env: Env): string => env["HOME"] || homedir();

/** The XDG Base Directory Specification: a path that is not absolute counts as not set. */
function userStateDir(env: Env): string {
  const named = env["XDG_STATE_HOME"] ?? "";
  return join(isAbsolute(named) ? named : join(homeOf(env), ".local", "state"), "ccsp");
}

/** The files of CCSP in a folder that may also contain other files. */
const OURS =
  /^(settings\.env|jwt\.secret|fleet\.(json|lock|log)|notifications\.jsonl|allowed-folders|logins\.json)(\.\d+)?$/;

const STICKY = 0o1000;

/**
 * Creates the folder if it is missing. Makes the folder and the files of CCSP in it accessible only by their owner;
 * this includes older files. Throws when many users share the folder, such as /tmp.
 */
export async function openStateDir({ path, dataDir }: StateDir): Promise<void> {
  const shared = await stat(path).then(
    ({ mode }) => (mode & STICKY) !== 0,
    () => false,
  );
  if (shared) throw new CliError(EXIT.usage, `${path} is a shared folder: name a separate folder in CCSP_STATE_DIR`);
  try {
    for (const folder of [path, dataDir]) {
      await makeFolder(folder);
      await chmod(folder, PRIVATE_FOLDER);
    }
  } catch (error) {
    throw unusable(path, error);
  }
  for (const name of await readdir(path)) {
    const file = join(path, name);
    if (OURS.test(name) && (await lstat(file)).isFile()) await chmod(file, PRIVATE_FILE);
  }
}

/** The error of a folder in which CCSP cannot read or write its files. */
export const unusable = (path: string, error: unknown): CliError =>
  new CliError(
    EXIT.usage,
    `${path} cannot be the folder of a fleet (${messageOf(error)}): name another one in CCSP_STATE_DIR`,
  );

/** Creates a folder and its missing parents. Node's own `recursive` never ends below /proc, where nothing can be made. */
async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { mode: PRIVATE_FOLDER });
  } catch (error) {
    const { code }: { code?: string } = Object(error);
    if (code === "EEXIST" && (await stat(folder)).isDirectory()) return;
    if (code !== "ENOENT") throw error;
    await makeFolder(dirname(folder));
    await mkdir(folder, { mode: PRIVATE_FOLDER });
  }
}

/** A local fleet, in the form in which other commands find it. */
export interface FleetState {
  readonly pid: number;
  /**
   * Start time of that process, as the system counts it. It shows whether another process has the pid now. Absent when
   * the system does not provide it.
   */
  readonly started?: string | undefined;
  readonly ready: boolean;
  readonly gateway: string;
  /** The URL of the dashboard and of REST. Absent in a fleet of release 0.2.0, which has neither. */
  readonly http?: string | undefined;
  /** The authority of the gateway's certificate. Absent when the gateway serves without TLS, as it does on loopback. */
  readonly gatewayCaFile?: string | undefined;
  /**
   * The folders in `CCSP_EXECUTOR_ALLOWED_ROOTS` of the executors, which also read the allowed folders of this state
   * folder. Absent in a fleet of release 0.2.0, whose executors do not.
   */
  readonly allowedRoots?: readonly string[];
  /** The port of the fleet's own Redis, for `ccsp doctor`. Absent when it uses another one. */
  readonly redisPort?: number | undefined;
  /** The URL of the fleet's own Consul. Absent when it uses another one, or none. */
  readonly consulUrl?: string | undefined;
  /** Its engine has a simulated model. Absent when it has a real one. */
  readonly simulated?: true;
  /** Where `ccsp trace` asks for traces. Absent when this fleet keeps none. */
  readonly traceSocket?: string | undefined;
  readonly services: readonly {
    readonly name: string;
    readonly index: number;
    readonly ports: { readonly grpc: number; readonly ops: number };
  }[];
}

/** Where this machine reaches the replicas of a service of a local fleet. */
export const addressesOf = ({ services }: FleetState, wanted: string): readonly string[] =>
  services.filter(({ name }) => name === wanted).map(({ ports }) => `127.0.0.1:${ports.grpc}`);

export async function saveFleet(state: StateDir, fleet: FleetState): Promise<void> {
  const started = await startOf(fleet.pid);
  await replaceFile(state.fleetFile, `${JSON.stringify({ ...fleet, started }, undefined, 2)}\n`);
}

export function forgetFleet(state: StateDir): Promise<void> {
  return rm(state.fleetFile, { force: true });
}

/**
 * The fleet that was started in this folder. Undefined when there is none, or when it died without cleaning up. When
 * its file is damaged, throws an error that says what to do.
 */
export async function findFleet(state: StateDir): Promise<FleetState | undefined> {
  const fleet = await readFleet(state);
  return fleet !== undefined && (await isCcsp(fleet)) ? fleet : undefined;
}

async function readFleet({ fleetFile }: StateDir): Promise<FleetState | undefined> {
  let text: string;
  try {
    text = await readFile(fleetFile, "utf8");
  } catch {
    return undefined;
  }
  try {
    const fleet: FleetState = JSON.parse(text);
    if (Number.isInteger(fleet.pid) && Array.isArray(fleet.services)) return fleet;
  } catch {
    // reported below
  }
  const how = text.trim() === "" ? "is empty" : "is cut off or damaged";
  throw new CliError(
    EXIT.failed,
    `${fleetFile} ${how}: CCSP cannot tell whether a fleet runs here. Stop one that does (its process is \`ccsp.js up\`), ` +
      "delete the file, and start it again with `ccsp up`",
  );
}

/** Whether the process lives and is still the same ccsp command. After a reboot, another process may have its pid. */
export async function isCcsp({ pid, started }: Pick<FleetState, "pid" | "started">): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  if (started !== undefined && started !== (await startOf(pid))) return false;
  try {
    const args = (await readFile(`/proc/${pid}/cmdline`, "utf8")).split("\0");
    return args.includes("up") && args.some((arg) => /(^|\/)ccsp(\.js)?$/.test(arg));
  } catch {
    return true; // this system has no /proc
  }
}

/** The 22nd field of /proc/PID/stat. It comes after a name in brackets, which can contain any characters. */
async function startOf(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}
