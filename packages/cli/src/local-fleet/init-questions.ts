import { existsSync } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { ask } from "../input/ask.js";
import { askHidden } from "../input/ask-hidden.js";
import { CliError, EXIT } from "../process/exit.js";
import { type Io, note } from "../process/io.js";
import { allowable } from "./allowed-folders.js";
import { homeOf } from "./state.js";

/** How the engines of a local fleet log in at their provider. */
export interface Login {
  readonly kind: "login" | "key" | "simulator";
  readonly settings: Readonly<Record<string, string>>;
  /** For the person, after the file was written. */
  readonly says: string;
}

export const SIMULATED: Login = {
  kind: "simulator",
  settings: { CCSP_SIMULATOR: "1" },
  says: "tasks run with a simulated model",
};

export const keyLogin = (key: string): Login => ({
  kind: "key",
  settings: { CCSP_CLAUDE_CODE_API_KEY: key },
  says: "tasks use the key, which is in this file; only you can read it",
});

/** The login that a home folder has. `who` names the option or the question in a refusal. */
export async function loginFolder(path: string, who: string): Promise<Login> {
  const folder = await realpath(resolve(path)).catch(() => undefined);
  if (folder === undefined || !(await stat(folder)).isDirectory()) {
    throw new CliError(EXIT.usage, `${who} ${path}: there is no such folder; name a home folder, such as ${homedir()}`);
  }
  const says = existsSync(join(folder, ".claude"))
    ? `tasks use the login in ${folder}`
    : `tasks use the login in ${folder}, which has no .claude folder yet: log in there with \`claude\` before you start`;
  return { kind: "login", settings: { CCSP_CLAUDE_CODE_HOME: folder }, says };
}

/** A key has no spaces and no quotes. */
export const KEY = /^[^\s'"`]+$/;

/** Asks until there is an answer that can be used. An empty line, also at the end of the input, takes the default. */
export async function askLogin(io: Io): Promise<Login> {
  const home = homeOf(io.env);
  note(io, "How do tasks log in at the provider?");
  note(io, `  1  with the login of the Claude Code CLI in a home folder, such as ${home}`);
  note(io, "  2  with an API key");
  note(io, "  3  not at all: try CCSP with a simulated model, at no cost");
  for (;;) {
    const answer = await ask(io, "1, 2 or 3? [1] ");
    if (answer === "2") return askKey(io);
    if (answer === "3") return SIMULATED;
    if (answer === "1" || answer === "") return askHome(io, home);
    note(io, `"${answer}" is not one of them`);
  }
}

async function askHome(io: Io, home: string): Promise<Login> {
  for (;;) {
    const folder = (await ask(io, `Home folder? [${home}] `)) || home;
    const login = await accepted(io, () => loginFolder(folder, "the folder"));
    if (login !== undefined) return login;
    if (folder === home) throw new CliError(EXIT.usage, `${home} cannot be used; nothing was written`);
  }
}

async function askKey(io: Io): Promise<Login> {
  const key = await askHidden(io, "Key (it is not shown)? ");
  if (KEY.test(key)) return keyLogin(key);
  throw new CliError(EXIT.usage, "a key is one line without spaces and quotes; nothing was written");
}

/** The folders in which tasks may work. None is an answer. */
export async function askFolders(io: Io): Promise<readonly string[]> {
  const folders: string[] = [];
  note(io, "In which folders may tasks read and change files? (`ccsp folders` changes it.)");
  for (;;) {
    const answer = await ask(io, folders.length === 0 ? "Folder? [none] " : "One more? [no more] ");
    if (answer === "") return folders;
    const path = answer.replace(/^~(?=\/|$)/, homeOf(io.env));
    const folder = await accepted(io, () => allowable(io.env, path));
    if (folder !== undefined) folders.push(folder);
  }
}

/** Undefined after a refusal that the person can correct. It was shown. */
async function accepted<T>(io: Io, attempt: () => Promise<T>): Promise<T | undefined> {
  try {
    return await attempt();
  } catch (error) {
    if (!(error instanceof CliError) || error.code !== EXIT.usage) throw error;
    note(io, error.message);
    return undefined;
  }
}
