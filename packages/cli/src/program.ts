import { readFileSync } from "node:fs";
import { Command, CommanderError, Help } from "commander";
import { COMMANDS, type CommandEntry, nameOf } from "./command-table.js";
import { COMPLETE } from "./completion/scripts.js";
import { withGuess } from "./options/did-you-mean.js";
import { insteadOf } from "./options/removed-options.js";
import { asksForJson } from "./output/format.js";
import { CliError, EXIT, EXIT_HELP, type ExitCode, Interrupted, linesOf } from "./process/exit.js";
import { type Io, note } from "./process/io.js";
import { printableText } from "./process/printable.js";

/**
 * Runs one command line and returns its exit code. Never throws: it prints errors on standard error, as JSON with
 * `-o json`.
 */
export async function runCli(args: readonly string[], io: Io): Promise<ExitCode> {
  let code: ExitCode = EXIT.ok;
  const json = asksForJson(args);
  let refusal = "";
  try {
    const program = await createProgram(args, io, (ended) => {
      code = ended;
    });
    quiet(program, {
      io,
      json,
      said: (message) => {
        refusal = message;
      },
    });
    await program.parseAsync(orUnknown(program, args), { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return EXIT.ok;
      const message = refusal || error.message;
      const instead = insteadOf(message);
      // Without --json, commander has already printed the message and where to find help.
      if (json) note(io, JSON.stringify({ error: { message: instead ?? message } }));
      else if (instead !== undefined) note(io, `ccsp: ${instead}`);
      return EXIT.usage;
    }
    if (error instanceof Interrupted) return error.code;
    const { errorJson, exitCodeOf } = await import("./connection/failed-call.js"); // knows the errors of calls, so it loads gRPC
    if (json) note(io, JSON.stringify({ error: errorJson(error) }));
    else await tell(io, error, args);
    return exitCodeOf(error);
  }
}

async function tell(io: Io, error: unknown, args: readonly string[]): Promise<void> {
  const [message, ...details] = linesOf(error);
  note(io, `ccsp: ${message}`);
  for (const line of details) note(io, line);
  if (error instanceof CliError) return;
  // These know the options of a task and the errors of calls, so they load the client.
  const [{ askedBy }, { adviceFor }, { submitAgain }] = await Promise.all([
    import("./tasks/asked-by.js"),
    import("./connection/failed-call.js"),
    import("./tasks/submit-again.js"),
  ]);
  const fromVariable = Boolean(io.env["CCSP_TOKEN"]) && !optionsOf(args).some((arg) => TOKEN_OPTION.test(arg));
  for (const line of [...askedBy(error), ...adviceFor(error, { fromVariable }), ...submitAgain(error, args)])
    note(io, line);
}

const TOKEN_OPTION = /^--token(-file)?(=|$)/;

/** Words after `--` are not options. */
const optionsOf = (args: readonly string[]): readonly string[] =>
  args.includes("--") ? args.slice(0, args.indexOf("--")) : args;

/** The program. Of its commands, it loads the one that `args` name. The others are only listed. */
async function createProgram(args: readonly string[], io: Io, end: (code: ExitCode) => void): Promise<Command> {
  const terms = new Map<string, string>();
  const program = new Command("ccsp")
    .description("CCSP: run agent CLIs through one queue")
    .version(packageVersion())
    // `ccsp usage` does something itself and has commands below it, which have the same options.
    .enablePositionalOptions()
    .configureHelp({ subcommandTerm: (command) => terms.get(command.name()) ?? new Help().subcommandTerm(command) })
    .addHelpText("after", `\n${EXIT_HELP}\n\n${FIRST_STEPS}`);
  const completes = args[0] === COMPLETE;
  const wanted = wantedCommand(completes ? args.slice(1, -1) : args);
  for (const [heading, entries] of Object.entries(COMMANDS)) {
    program.commandsGroup(heading);
    for (const entry of entries) {
      terms.set(nameOf(entry), entry.term);
      program.addCommand(nameOf(entry) === wanted ? await entry.load(io, end) : listed(entry));
    }
  }
  if (completes) program.addCommand((await import("./commands/complete.js")).completeCommand(io), { hidden: true });
  return program;
}

/** The first word that is not an option. After `help`, the next one. */
function wantedCommand(args: readonly string[]): string | undefined {
  const [first, second] = args.filter((arg) => !arg.startsWith("-"));
  return first === "help" ? second : first;
}

/** commander answers `help` about an unknown command with all help, and does not say what is wrong. */
function orUnknown(program: Command, args: readonly string[]): readonly string[] {
  const [first, second = ""] = args;
  const isKnown = second === "" || second.startsWith("-") || program.commands.some((each) => each.name() === second);
  return first === "help" && !isKnown ? [second] : args;
}

const listed = (entry: CommandEntry): Command => new Command(nameOf(entry)).description(entry.description);

function packageVersion(): string {
  const manifest = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  const { version }: { version: string } = JSON.parse(manifest);
  return version;
}

interface Quiet {
  readonly io: Io;
  readonly json: boolean;
  /** Called with the message of commander about a wrong command line. */
  readonly said: (message: string) => void;
}

/** Makes a command and all commands below it throw errors and print where `io` says. */
function quiet(command: Command, { io, json, said }: Quiet): void {
  command
    .exitOverride()
    .showHelpAfterError("(add --help for examples)")
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void (json || io.stderr.write(printableText(text))),
      outputError(text, write) {
        const message = withGuess(text.trimEnd(), command).replace(/^error: /, "");
        said(message);
        write(`ccsp: ${message}\n`);
      },
    });
  for (const sub of command.commands) quiet(sub.configureHelp({ subcommandTerm: shortTerm }), { io, json, said });
}

/** Nearly every command has options. Without the word, the terms leave room for the descriptions in 80 columns. */
const shortTerm = (command: Command): string => new Help().subcommandTerm(command).replace(" [options]", "");

const FIRST_STEPS = `First steps:
  ccsp init                             say how tasks log in, once
  ccsp up --detach                      start a fleet on this machine
  ccsp run "Say hello"                  run a task and stream its answer
  ccsp run "Explain this repository" --working-folder .
  ccsp status                           what is running and waiting
  ccsp down                             stop everything again

"ccsp <command> --help" has examples for each command.`;
