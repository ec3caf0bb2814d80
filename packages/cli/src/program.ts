import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { cancelCommand } from "./commands/cancel.js";
import { clearCommand } from "./commands/clear.js";
import { completeCommand, completionCommand } from "./commands/completion.js";
import { downCommand } from "./commands/down.js";
import { emergencyCommand } from "./commands/emergency.js";
import { estimateCommand } from "./commands/estimate.js";
import { executorCommand } from "./commands/executor.js";
import { explainCommand } from "./commands/explain.js";
import { getCommand } from "./commands/get.js";
import { listCommand } from "./commands/list.js";
import { logsCommand } from "./commands/logs.js";
import { pauseCommand, resumeCommand } from "./commands/pause.js";
import { priorityCommand } from "./commands/priority.js";
import { queueCommand } from "./commands/queue.js";
import { retryCommand } from "./commands/retry.js";
import { runCommand } from "./commands/run.js";
import { scheduleCommand } from "./commands/schedule.js";
import { statusCommand } from "./commands/status.js";
import { submitCommand } from "./commands/submit.js";
import { tokenCommand } from "./commands/token.js";
import { traceCommand } from "./commands/trace.js";
import { upCommand } from "./commands/up.js";
import { watchCommand } from "./commands/watch.js";
import { CliError, EXIT, EXIT_HELP, type ExitCode, errorJson, exitCodeOf } from "./exit.js";
import { type Io, note } from "./io.js";
import { printableText } from "./printable.js";

/**
 * Runs one command line and returns its exit code. Never throws: it prints errors on standard error, as JSON with
 * `--json`.
 */
export async function runCli(args: readonly string[], io: Io): Promise<ExitCode> {
  let code: ExitCode = EXIT.ok;
  const json = args.includes("--json");
  const program = createProgram(io, (ended) => {
    code = ended;
  });
  quiet(program, { io, json });
  try {
    await program.parseAsync(args, { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return EXIT.ok;
      // Without --json, commander has already printed the message and where to find help.
      if (json) note(io, JSON.stringify({ error: { message: error.message.replace(/^error: /, "") } }));
      return EXIT.usage;
    }
    if (json) note(io, JSON.stringify({ error: errorJson(error) }));
    else tell(io, error);
    return exitCodeOf(error);
  }
}

function tell(io: Io, error: unknown): void {
  const [message, ...details] =
    error instanceof CliError ? error.lines : [error instanceof Error ? error.message : String(error)];
  note(io, `ccsp: ${message}`);
  for (const line of details) note(io, line);
}

function createProgram(io: Io, end: (code: ExitCode) => void): Command {
  const program = new Command("ccsp")
    .description("CCSP: run agent CLIs through one queue")
    .version(packageVersion())
    .addHelpText("after", `\n${EXIT_HELP}\n\n${FIRST_STEPS}`);
  program.commandsGroup("A local fleet:");
  for (const command of [upCommand(io, end), downCommand(io), logsCommand(io), statusCommand(io, end)]) {
    program.addCommand(command);
  }
  program.commandsGroup("Tasks:");
  for (const command of [runCommand(io, end), submitCommand(io), watchCommand(io, end)]) program.addCommand(command);
  for (const command of [getCommand(io), listCommand(io), cancelCommand(io), retryCommand(io)])
    program.addCommand(command);
  program.addCommand(traceCommand(io));
  for (const command of [explainCommand(io), estimateCommand(io), scheduleCommand(io)]) program.addCommand(command);
  program.commandsGroup("Operators:");
  for (const command of [emergencyCommand(io, end), pauseCommand(io), resumeCommand(io)]) program.addCommand(command);
  for (const command of [queueCommand(io), priorityCommand(io), clearCommand(io)]) program.addCommand(command);
  program.addCommand(executorCommand(io, end));
  program.commandsGroup("Access:");
  program.addCommand(tokenCommand(io));
  program.commandsGroup("Shell:");
  program.addCommand(completionCommand(io)).addCommand(completeCommand(io), { hidden: true });
  return program;
}

function packageVersion(): string {
  const manifest = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  const { version }: { version: string } = JSON.parse(manifest);
  return version;
}

/** Makes a command and all commands below it throw errors and print where `io` says. */
function quiet(command: Command, { io, json }: { io: Io; json: boolean }): void {
  command
    .exitOverride()
    .showHelpAfterError("(add --help for examples)")
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void (json || io.stderr.write(printableText(text))),
    });
  for (const sub of command.commands) quiet(sub, { io, json });
}

const FIRST_STEPS = `First steps:
  ccsp up --detach                      start Redis, Consul and the five services on this machine
  ccsp run "Say hello"                  run a task and stream its answer
  ccsp status                           what is running and waiting
  ccsp down                             stop everything again

"ccsp <command> --help" has examples for each command.`;
