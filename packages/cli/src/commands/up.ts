import { SERVICES, type ServiceName } from "@ccsp/fleet";
import { Command, InvalidArgumentError, Option } from "commander";
import { ensureSecret } from "../local-fleet/local-secret.js";
import { type FleetState, findFleet, openStateDir, type StateDir, stateDir } from "../local-fleet/state.js";
import { type OutputOptions, withOutput } from "../output/format.js";
import { CliError, EXIT, type ExitCode } from "../process/exit.js";
import { type Io, note, sayJson } from "../process/io.js";
import { failedNews, LOCK_FD, startInBackground, tellAlive, tellStarter } from "../up/background.js";
import { fleetCertificates, makeCertificates } from "../up/certificates.js";
import { checkStart } from "../up/check-start.js";
import { openSimulatedEngine, ownEngine } from "../up/engine.js";
import { openFleetLog } from "../up/fleet-log.js";
import { outputTo, outputToLog } from "../up/fleet-output.js";
import { type FolderLock, heldLock, lockFolder } from "../up/folder-lock.js";
import { fleetSettings, forCallers, runFleet, type UpOptions } from "../up/foreground.js";
import { readSettingsFile, withSettings } from "../up/settings-file.js";
import { createStartView } from "../up/start-view.js";

type Replicas = Readonly<Partial<Record<ServiceName, number>>>;

interface UpFlags extends OutputOptions {
  readonly single?: true;
  readonly detach?: true;
  readonly replicas?: Replicas;
  readonly ports: "default" | "free";
  readonly simulator?: true;
  readonly traces: boolean;
  readonly inProcess?: true;
  readonly background?: true;
}

export function upCommand(io: Io, end: (code: ExitCode) => void): Command {
  const command = new Command("up")
    .description("start Redis, Consul and the five services on this machine, and keep them running")
    .addOption(new Option("--single", "run the five services in one process, without Consul").conflicts("replicas"))
    .option("--detach", "keep the fleet in the background; returns when it is ready")
    .option("--replicas <service=number...>", "how many of a service, such as executor=2", replicas)
    .addOption(
      new Option("--ports <which>", "the services' own ports, or free ones, for a second fleet beside another")
        .choices(["default", "free"])
        .default("default"),
    )
    .option("--simulator", "run the Claude Code CLI with a simulated model: no login, no cost")
    .option("--no-traces", "keep no traces for `ccsp trace`")
    .addOption(new Option("--in-process", "be the one process of a single fleet").hideHelp())
    .addOption(new Option("--background", "be the fleet in the background, with its log and its lock").hideHelp());
  return withOutput(command)
    .addHelpText(
      "after",
      `
A service that crashes is started again; Ctrl-C stops everything in order. If a
part fails while the fleet starts, or if no part makes progress for a minute
(CCSP_START_LIMIT), everything is stopped. On a busy machine, a start may take
minutes.

Settings come from settings.env, which \`ccsp init\` writes, and from the
environment, which wins. They are checked before anything starts. Each service
gets only the CCSP_* and OTEL_* variables that it knows.
  Engine   the claude on PATH, or CCSP_CLAUDE_CODE_BIN
  Login    the one in CCSP_CLAUDE_CODE_HOME, or a key in
           CCSP_CLAUDE_CODE_API_KEY
  Redis    the fleet's own, or the one in CCSP_REDIS_URL
  Consul   the fleet's own, or the one in CCSP_CONSUL_URL; none with
           CCSP_WITHOUT_CONSUL=1: the services then use fixed addresses
  Agents   reach the gateway on this machine; on others too, by TLS, with
           CCSP_GATEWAY_LISTEN=0.0.0.0:3000
  Traces   the last 1,000 in memory, for \`ccsp trace\`; none here when
           OTEL_EXPORTER_OTLP_ENDPOINT names your own tracing system

Progress is on standard error: redrawn on a terminal, else lines; with -o json
one line of JSON for each change. Standard output has the lines of the services.

Files that outlive the command are in one folder: settings, secret,
certificates, data, and, with --detach, the log. It is CCSP_STATE_DIR, else
.ccsp in the repository, else ~/.local/state/ccsp. It has one fleet; a second
one is refused.

Examples:
  ccsp up --simulator
  ccsp up --detach --replicas executor=2 gateway=2
  CCSP_CLAUDE_CODE_HOME=$HOME ccsp up --single`,
    )
    .action(async (flags: UpFlags) => end(await up(io, flags)));
}

async function up(io: Io, flags: UpFlags): Promise<ExitCode> {
  if (flags.inProcess) {
    const { runInProcess } = await import("../up/in-process.js"); // loads the services only where they run
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
      const { fleetSandboxLines } = await import("../up/fleet-sandbox.js"); // loads gRPC, which `up` itself does not need
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

function replicas(value: string, before: Replicas = {}): Replicas {
  const [, name = "", count = ""] = /^([a-z]+)=(\d+)$/.exec(value) ?? [];
  if (!SERVICES.some((each) => each === name) || Number(count) < 1 || Number(count) > 20) {
    throw new InvalidArgumentError(`Write it as service=number, 1 to 20, with a service of ${SERVICES.join(", ")}.`);
  }
  return { ...before, [name]: Number(count) };
}
