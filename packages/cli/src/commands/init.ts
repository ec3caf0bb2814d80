import { stat } from "node:fs/promises";
import { replaceFile } from "@ccsp/private-files";
import { Command, Option } from "commander";
import { canAsk } from "../input/ask.js";
import { readBytes, readInputFile } from "../input/read-input.js";
import { allowable, allowFolder } from "../local-fleet/allowed-folders.js";
import {
  askFolders,
  askLogin,
  KEY,
  keyLogin,
  type Login,
  loginFolder,
  SIMULATED,
} from "../local-fleet/init-questions.js";
import { openStateDir, type StateDir, stateDir } from "../local-fleet/state.js";
import { type OutputOptions, withOutput } from "../output/format.js";
import { CliError, EXIT } from "../process/exit.js";
import { type Io, note, sayJson } from "../process/io.js";

interface InitOptions extends OutputOptions {
  readonly loginHome?: string;
  readonly keyFile?: string;
  readonly simulator?: true;
  readonly allowFolder?: readonly string[];
  readonly yes?: true;
  readonly force?: true;
}

export function initCommand(io: Io): Command {
  const command = new Command("init")
    .description("ask how tasks log in and where they may work, and write the settings of the local fleet")
    .addOption(
      new Option(
        "--login-home <folder>",
        "use the login of the Claude Code CLI that this home folder has, such as $HOME",
      ).conflicts(["keyFile", "simulator"]),
    )
    .addOption(
      new Option("--key-file <path>", "use the API key in this file; - reads it from standard input").conflicts(
        "simulator",
      ),
    )
    .option("--simulator", "use a simulated model: no login, no cost")
    .option("--allow-folder <folder>", "let tasks work in this folder; may be repeated", folders)
    .option("--yes", "ask nothing; what no option says gets its default")
    .option("--force", "replace the settings file that exists");
  return withOutput(command)
    .addHelpText(
      "after",
      `
Writes settings.env into the folder of the local fleet, which only its owner can
read. The file has every setting with its explanation and its default, as a
comment. \`ccsp up\` reads it; a variable of the environment wins. A key is not
shown while it is typed. Allowed folders are a list of their own
(\`ccsp folders\`).

Examples:
  ccsp init
  ccsp init --simulator --yes
  ccsp init --login-home "$HOME" --allow-folder ~/projects --yes
  ccsp init --key-file - --yes < key.txt`,
    )
    .action((options: InitOptions) => init(io, options));
}

const folders = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

async function init(io: Io, options: InitOptions): Promise<void> {
  const state = stateDir(io.env);
  await openStateDir(state);
  await refuseExisting(state, options);
  const asks = options.yes === undefined && canAsk(io);
  const login = (await givenLogin(io, options)) ?? (asks ? await askLogin(io) : noLogin(options));
  const given = options.allowFolder ?? [];
  for (const folder of given) await allowable(io.env, folder); // refuses a wrong one before anything is written
  const allowed = given.length === 0 && asks ? await askFolders(io) : given;

  const [{ knownSettings }, { settingsText }] = await Promise.all([
    import("../up/known-settings.js"), // loads the services only here
    import("../up/settings-template.js"),
  ]);
  await replaceFile(state.settingsFile, settingsText(await knownSettings(), login.settings));
  const real: string[] = [];
  for (const folder of allowed) real.push(await allowFolder(io.env, folder));

  if (options.json) return sayJson(io, { settings: state.settingsFile, login: login.kind, allowedFolders: real });
  note(io, `wrote ${state.settingsFile}; ${login.says}`);
  for (const folder of real) note(io, `tasks may work in ${folder}`);
  note(io, 'Next: `ccsp up --detach` starts the fleet, then try `ccsp run "Say hello"`');
}

async function refuseExisting({ settingsFile }: StateDir, { force }: InitOptions): Promise<void> {
  if (force) return;
  const exists = await stat(settingsFile).then(
    () => true,
    () => false,
  );
  if (!exists) return;
  throw new CliError(EXIT.usage, `${settingsFile} exists: change it with an editor, or replace it with --force`);
}

async function givenLogin(io: Io, { loginHome, keyFile, simulator }: InitOptions): Promise<Login | undefined> {
  if (loginHome !== undefined) return loginFolder(loginHome, "--login-home");
  if (keyFile !== undefined) return keyLogin(await keyFrom(io, keyFile));
  if (simulator) return SIMULATED;
  return undefined;
}

function noLogin({ yes }: InitOptions): never {
  const options = "--login-home FOLDER, --key-file FILE (- for standard input) or --simulator";
  throw new CliError(
    EXIT.usage,
    yes ? `--yes asks nothing, so say how tasks log in: ${options}` : `there is no terminal to ask on: give ${options}`,
  );
}

async function keyFrom(io: Io, path: string): Promise<string> {
  const bytes = path === "-" ? await readBytes(io.stdin, "--key-file -") : await readInputFile("--key-file", path);
  const key = Buffer.from(bytes).toString();
  if (KEY.test(key.trim())) return key.trim();
  // The message must not have the key.
  throw new CliError(EXIT.usage, `--key-file ${path}: it has no key: one line without spaces and quotes`);
}
