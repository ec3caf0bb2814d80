import { randomBytes } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository that this command belongs to. */
export const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** Where a local fleet keeps what outlives one command: its secret, its pid and ports, its log, its data. */
export interface StateDir {
  readonly path: string;
  readonly secretFile: string;
  readonly logFile: string;
  readonly dataDir: string;
}

/** `CCSP_STATE_DIR`, or `.ccsp` in the repository. */
export function stateDir(env: Readonly<Record<string, string | undefined>>): StateDir {
  const path = env["CCSP_STATE_DIR"] || join(ROOT, ".ccsp");
  return {
    path,
    secretFile: join(path, "jwt.secret"),
    logFile: join(path, "fleet.log"),
    dataDir: join(path, "data"),
  };
}

/** A local fleet as the other commands find it. */
export interface FleetState {
  readonly pid: number;
  readonly ready: boolean;
  readonly gateway: string;
  readonly services: readonly {
    readonly name: string;
    readonly index: number;
    readonly ports: { readonly grpc: number; readonly ops: number };
  }[];
}

const fleetFile = (state: StateDir) => join(state.path, "fleet.json");

export async function saveFleet(state: StateDir, fleet: FleetState): Promise<void> {
  await mkdir(state.path, { recursive: true });
  // Renamed into place: another command never reads half of it.
  const draft = `${fleetFile(state)}.${process.pid}`;
  await writeFile(draft, `${JSON.stringify(fleet, undefined, 2)}\n`);
  await rename(draft, fleetFile(state));
}

export function forgetFleet(state: StateDir): Promise<void> {
  return rm(fleetFile(state), { force: true });
}

/** The fleet that was started here; undefined when there is none, also when it died without a word. */
export async function findFleet(state: StateDir): Promise<FleetState | undefined> {
  let text: string;
  try {
    text = await readFile(fleetFile(state), "utf8");
  } catch {
    return undefined;
  }
  const fleet: FleetState = JSON.parse(text);
  return (await isCcsp(fleet.pid)) ? fleet : undefined;
}

/** Whether the process lives and is a ccsp command: after a reboot its pid may be somebody else's. */
export async function isCcsp(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    const args = (await readFile(`/proc/${pid}/cmdline`, "utf8")).split("\0");
    return args.includes("up") && args.some((arg) => /(^|\/)ccsp(\.js)?$/.test(arg));
  } catch {
    return true; // no /proc here
  }
}

type Env = Readonly<Record<string, string | undefined>>;

/** Where `findSecret` reads when the secret itself is not in the environment. */
export function secretPath(env: Env): string {
  return env["CCSP_JWT_SECRET_FILE"] || stateDir(env).secretFile;
}

/** The secret that the local fleet was given, or made up. */
export async function findSecret(env: Env): Promise<string | undefined> {
  if (env["CCSP_JWT_SECRET"]) return env["CCSP_JWT_SECRET"].trim();
  try {
    return (await readFile(secretPath(env), "utf8")).trim();
  } catch {
    return undefined;
  }
}

/** Creates the local secret the first time, readable by its owner only. */
export async function ensureSecret(state: StateDir): Promise<void> {
  await mkdir(state.path, { recursive: true });
  try {
    await writeFile(state.secretFile, `${randomBytes(32).toString("base64url")}\n`, { mode: 0o600, flag: "wx" });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
}
