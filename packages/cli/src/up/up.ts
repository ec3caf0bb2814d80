import type { ServiceName } from "@ccsp/fleet";
import { ensureSecret } from "../local-fleet/local-secret.js";
import { type FleetState, findFleet, openStateDir, type StateDir, stateDir } from "../local-fleet/state.js";
import type { OutputOptions } from "../output/format.js";
import { CliError, EXIT, type ExitCode } from "../process/exit.js";
import { type Io, note, sayJson } from "../process/io.js";
import { failedNews, LOCK_FD, startInBackground, tellAlive, tellStarter } from "./background.js";
import { fleetCertificates, makeCertificates } from "./certificates.js";
import { checkStart } from "./check-start.js";
import { openSimulatedEngine, ownEngine } from "./engine.js";
import { openFleetLog } from "./fleet-log.js";
import { outputTo, outputToLog } from "./fleet-output.js";
import { type FolderLock, heldLock, lockFolder } from "./folder-lock.js";
import { fleetSettings, forCallers, runFleet, type UpOptions } from "./foreground.js";
import { readSettingsFile, withSettings } from "./settings-file.js";
import { createStartView } from "./start-view.js";

/** How many of each service. */
export type Replicas = Readonly<Partial<Record<ServiceName, number>>>;

/** The options of `ccsp up`. */
export interface UpFlags extends OutputOptions {
  readonly single?: true;
  readonly detach?: true;
  readonly replicas?: Replicas;
  readonly ports: "default" | "free";
  readonly simulator?: true;
  readonly traces: boolean;
  readonly inProcess?: true;
  readonly background?: true;
}

/** Starts a fleet, here or in the background, or is a part of one. */
export async function up(io: Io, flags: UpFlags): Promise<ExitCode> {
  if (flags.inProcess) {
    const { runInProcess } = await import("./in-process.js"); // loads the services only where they run
    return runInProcess(io);
  }
  const state = stateDir(io.env);
  await openStateDir(state);
  const lock = flags.background ? heldLock(LOCK_FD) : await lockFolder(state, (message) => note(io, message));
  try {
    return await (flags.background ? beInBackground(io, { state, lock }, flags) : start(io, { state, lock }, flags));
  } finally {
    lock.close();
  }
}

interface Folder {
  readonly state: StateDir;
  readonly lock: FolderLock;
}

/** The command that a person runs: checks everything, then starts the fleet here or in the background. */
async function start(io: Io, { state, lock }: Folder, flags: UpFlags): Promise<ExitCode> {
  // This finds a fleet without a lock: its version took none, or its folder could not be locked.
  const running = await findFleet(state);
  if (running) throw new CliError(EXIT.usage, `a fleet runs already (pid ${running.pid}); stop it with \`ccsp down\``);
  const file = await readSettingsFile(state.settingsFile);
  const env = withSettings(io.env, file);
  const simulator = flags.simulator === true || isOn(env["CCSP_SIMULATOR"]);
  const whereIs = (name: string) =>
    env[name] === io.env[name] ? undefined : `${state.settingsFile}, line ${file.lines.get(name)}`;
  const engine = await (simulator ? openSimulatedEngine(env) : ownEngine());
  const json = flags.json === true;
  const view = createStartView(io, json);
  try {
    const settings = fleetSettings({ ...io, env }, state, engine);
    const warn = (message: string) => note(io, json ? JSON.stringify({ warning: { message } }) : `warning: ${message}`);
    const warnOfSandbox = async (fleet: FleetState) => {
      const { fleetSandboxLines } = await import("./fleet-sandbox.js"); // loads gRPC, which `up` itself does not need
      const lines = await fleetSandboxLines({ ...io, env }, fleet).catch(() => []);
      view.aside(() => lines.forEach(warn));
    };
    const certificates = await makeCertificates(fleetCertificates(env, state, settings));
    const warnings = await checkStart({ state, settings, env, ports: flags.ports, certificates, whereIs });
    if (process.getuid?.() === 0) warn(AS_ROOT);
    warnings.forEach(warn);
    await ensureSecret(state);
    if (!flags.detach) {
      const output = outputTo(io, json, view);
      const where = () => "it is above";
      return await runFleet(
        { ...io, env },
        { state, lock, engine, output, onProgress: view.show, onReady: (fleet) => void warnOfSandbox(fleet), where },
        upOptions(flags),
      );
    }
    const fleet = await startInBackground(
      io,
      { state, lock, onProgress: view.show },
      argumentsOf({ ...flags, ...(simulator && { simulator }) }),
    );
    view.close();
    await warnOfSandbox(fleet);
    if (json) sayJson(io, fleet);
    else {
      note(io, `ready, in the background (pid ${fleet.pid}): gateway at ${fleet.gateway}`);
      if (fleet.http !== undefined) note(io, `dashboard and REST at ${fleet.http}`);
      note(io, "log: ccsp logs -f");
      for (const line of forCallers(fleet)) note(io, line);
    }
    return EXIT.ok;
  } finally {
    view.close();
    await engine.close();
  }
}

const AS_ROOT =
  "you are root, and so are the fleet and its tasks: what gets out of its sandbox then has all of this machine. " +
  "Start the fleet as an ordinary user (docs/sandbox.md)";

/** The fleet in the background. It was checked by the command that started it and waits. */
async function beInBackground(io: Io, { state, lock }: Folder, flags: UpFlags): Promise<ExitCode> {
  const alive = tellAlive();
  const env = withSettings(io.env, await readSettingsFile(state.settingsFile));
  const engine = await (flags.simulator ? openSimulatedEngine(env) : ownEngine());
  const output = outputToLog(openFleetLog(state.logFile));
  const where = (part: string) => `ccsp logs ${part} (${state.logFile})`;
  return runFleet(
    { ...io, env },
    {
      state,
      lock,
      engine,
      output,
      where,
      onProgress: (progress) => tellStarter({ progress }),
      onReady: (ready) => tellStarter({ ready }),
    },
    upOptions(flags),
  )
    .catch((error: unknown) => {
      tellStarter(failedNews(error));
      throw error;
    })
    .finally(() => alive.stop());
}

const isOn = (value = ""): boolean => ["1", "true"].includes(value.trim());

const upOptions = ({ single, replicas: counts = {}, ports, traces }: UpFlags): UpOptions => ({
  single: single === true,
  replicas: counts,
  ports,
  traces,
});

/** The same options as arguments for a separate process. */
function argumentsOf({ single, simulator, replicas: counts = {}, ports, traces }: UpFlags): readonly string[] {
  const pairs = Object.entries(counts).map(([name, count]) => `${name}=${count}`);
  return [
    "--ports",
    ports,
    ...(single ? ["--single"] : []),
    ...(simulator ? ["--simulator"] : []),
    ...(traces ? [] : ["--no-traces"]),
    ...(pairs.length > 0 ? ["--replicas", ...pairs] : []),
  ];
}
