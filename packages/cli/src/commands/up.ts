import { SERVICES } from "@ccsp/fleet";
import { Command, InvalidArgumentError, Option } from "commander";
import { withOutput } from "../output/format.js";
import type { ExitCode } from "../process/exit.js";
import type { Io } from "../process/io.js";
import type { Replicas, UpFlags } from "../up/up.js";

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
    .action(async (flags: UpFlags) => {
      const { up } = await import("../up/up.js"); // loads what a fleet needs
      end(await up(io, flags));
    });
}

function replicas(value: string, before: Replicas = {}): Replicas {
  const [, name = "", count = ""] = /^([a-z]+)=(\d+)$/.exec(value) ?? [];
  if (!SERVICES.some((each) => each === name) || Number(count) < 1 || Number(count) > 20) {
    throw new InvalidArgumentError(`Write it as service=number, 1 to 20, with a service of ${SERVICES.join(", ")}.`);
  }
  return { ...before, [name]: Number(count) };
}
