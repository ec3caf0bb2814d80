import { SERVICES, type ServiceName, takenPorts } from "@ccsp/fleet";
import { Command, InvalidArgumentError, Option } from "commander";
import { CliError, EXIT, type ExitCode } from "../exit.js";
import { type Io, note, sayJson } from "../io.js";
import { ensureSecret } from "../local-secret.js";
import { findFleet, openStateDir, type StateDir, stateDir } from "../state.js";
import { LOCK_FD, startInBackground } from "../up/background.js";
import { findOwnEngine, findSimulatedCli, openSimulatedEngine } from "../up/engine.js";
import { openFleetLog } from "../up/fleet-log.js";
import { outputTo, outputToLog } from "../up/fleet-output.js";
import { heldLock, lockFolder } from "../up/folder-lock.js";
import { runFleet, type UpOptions } from "../up/foreground.js";

type Replicas = Readonly<Partial<Record<ServiceName, number>>>;

interface UpFlags {
  readonly single?: true;
  readonly detach?: true;
  readonly replicas?: Replicas;
  readonly ports: "default" | "free";
  readonly simulator?: true;
  readonly inProcess?: true;
  readonly background?: true;
  readonly json?: true;
}

export function upCommand(io: Io, end: (code: ExitCode) => void): Command {
  return new Command("up")
    .description("start Redis, Consul and the five services on this machine, and keep them running")
    .addOption(new Option("--single", "run the five services in one process, without Consul").conflicts("replicas"))
    .option("--detach", "keep the fleet in the background; returns when it is ready")
    .option("--replicas <service=number...>", "how many of a service, such as executor=2", replicas)
    .addOption(
      new Option("--ports <which>", "the services' own ports, or free ones, for a second fleet beside another")
        .choices(["default", "free"])
        .default("default"),
    )
    .option("--simulator", "run the bundled Claude Code CLI with a simulated model: no login, no cost")
    .option("--json", "print each line of output as JSON")
    .addOption(new Option("--in-process", "be the one process of a single fleet").hideHelp())
    .addOption(new Option("--background", "be the fleet in the background, with its log and its lock").hideHelp())
    .addHelpText(
      "after",
      `
A service that crashes is started again; Ctrl-C stops everything in order. Each service gets only the CCSP_* and OTEL_*
variables that it knows. The executor runs the claude on PATH, or CCSP_CLAUDE_CODE_BIN; its login is the one in
CCSP_CLAUDE_CODE_HOME, or a key in CCSP_CLAUDE_CODE_API_KEY. With CCSP_REDIS_URL or CCSP_CONSUL_URL, the fleet uses that
Redis or Consul instead of its own.
Files that outlive the command are in .ccsp in the repository (or CCSP_STATE_DIR): secret, data, and, with --detach, the log.
A folder has one fleet; a second one is refused.

Examples:
  ccsp up --simulator
  ccsp up --detach --replicas executor=2 gateway=2
  CCSP_CLAUDE_CODE_HOME=$HOME ccsp up --single`,
    )
    .action(async ({ inProcess, background, detach, json, ...flags }: UpFlags) => {
      if (inProcess) {
        const { runInProcess } = await import("../up/in-process.js"); // loads the services only where they run
        return end(await runInProcess(io));
      }
      const state = stateDir(io.env);
      await openStateDir(state);
      const lock = background ? heldLock(LOCK_FD) : await lockFolder(state, (message) => note(io, message));
      try {
        if (!background) await prepare(io, state, flags);
        if (!detach) {
          const engine = await (flags.simulator ? openSimulatedEngine(io.env) : findOwnEngine(io.env));
          const output = background ? outputToLog(openFleetLog(state.logFile)) : outputTo(io, json === true);
          return end(await runFleet(io, { state, lock, engine, output }, upOptions(flags)));
        }
        const fleet = await startInBackground(io.env, { state, lock }, argumentsOf(flags));
        if (json) sayJson(io, fleet);
        else note(io, `ready, in the background (pid ${fleet.pid}): gateway at ${fleet.gateway}; log: ccsp logs -f`);
        return end(EXIT.ok);
      } finally {
        lock.close();
      }
    });
}

/** Refuses what would fail later anyway, and says what to do. */
async function prepare(io: Io, state: StateDir, { ports, simulator }: UpFlags): Promise<void> {
  // This finds a fleet without a lock: its version took none, or its folder could not be locked.
  const running = await findFleet(state);
  if (running) throw new CliError(EXIT.usage, `a fleet runs already (pid ${running.pid}); stop it with \`ccsp down\``);
  const taken = ports === "default" ? await takenPorts() : [];
  if (taken.length > 0) {
    throw new CliError(
      EXIT.usage,
      `other programs listen on ${taken.join(", ")}: stop them, or start the fleet with --ports free`,
    );
  }
  await (simulator ? findSimulatedCli(io.env) : findOwnEngine(io.env));
  await ensureSecret(state);
}

const upOptions = ({ single, replicas: counts = {}, ports }: UpFlags): UpOptions => ({
  single: single === true,
  replicas: counts,
  ports,
});

/** The same options as arguments for a separate process. */
function argumentsOf({ single, simulator, replicas: counts = {}, ports }: UpFlags): readonly string[] {
  const pairs = Object.entries(counts).map(([name, count]) => `${name}=${count}`);
  return [
    "--ports",
    ports,
    ...(single ? ["--single"] : []),
    ...(simulator ? ["--simulator"] : []),
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
