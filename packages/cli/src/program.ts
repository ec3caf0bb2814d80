import { Command, CommanderError } from "commander";
import { cancelCommand } from "./commands/cancel.js";
import { downCommand } from "./commands/down.js";
import { getCommand } from "./commands/get.js";
import { listCommand } from "./commands/list.js";
import { logsCommand } from "./commands/logs.js";
import { runCommand } from "./commands/run.js";
import { statusCommand } from "./commands/status.js";
import { submitCommand } from "./commands/submit.js";
import { tokenCommand } from "./commands/token.js";
import { upCommand } from "./commands/up.js";
import { watchCommand } from "./commands/watch.js";
import { EXIT, EXIT_HELP, type ExitCode, errorJson, exitCodeOf } from "./exit.js";
import { type Io, note } from "./io.js";

/** Runs one command line to its exit code. Never throws: errors are told on standard error, as JSON with `--json`. */
export async function runCli(args: readonly string[], io: Io): Promise<ExitCode> {
  let code: ExitCode = EXIT.ok;
  const program = createProgram(io, (ended) => {
    code = ended;
  });
  try {
    await program.parseAsync(args, { from: "user" });
    return code;
  } catch (error) {
    // commander has told its own already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (args.includes("--json")) note(io, JSON.stringify({ error: errorJson(error) }));
    else note(io, `ccsp: ${error instanceof Error ? error.message : String(error)}`);
    return exitCodeOf(error);
  }
}

function createProgram(io: Io, end: (code: ExitCode) => void): Command {
  const program = new Command("ccsp")
    .description("CCSP: run agent CLIs through one queue")
    .showHelpAfterError("(add --help for examples)")
    .addHelpText("after", `\n${EXIT_HELP}\n\n${FIRST_STEPS}`);
  program.commandsGroup("A local fleet:");
  for (const command of [upCommand(io, end), downCommand(io), logsCommand(io), statusCommand(io, end)]) {
    program.addCommand(command);
  }
  program.commandsGroup("Tasks:");
  for (const command of [runCommand(io, end), submitCommand(io), watchCommand(io, end)]) program.addCommand(command);
  for (const command of [getCommand(io), listCommand(io), cancelCommand(io)]) program.addCommand(command);
  program.commandsGroup("Access:");
  program.addCommand(tokenCommand(io));
  return quiet(program, io);
}

/** Errors are thrown, and output goes where `io` says, for every command below as well. */
function quiet(command: Command, io: Io): Command {
  command.exitOverride().configureOutput({
    writeOut: (text) => void io.stdout.write(text),
    writeErr: (text) => void io.stderr.write(text),
  });
  for (const sub of command.commands) quiet(sub, io);
  return command;
}

const FIRST_STEPS = `First steps:
  ccsp up --detach                      start Redis, Consul and the five services on this machine
  ccsp run "Say hello"                  run a task and stream its answer
  ccsp status                           what is running and waiting
  ccsp down                             stop everything again

"ccsp <command> --help" has examples for each command.`;
