import { dirname, join, relative, sep } from "node:path";
import {
  entriesAt,
  FileRefused,
  inFolder,
  type Json,
  listAt,
  type OpenFolder,
  openTrustedFolder,
  parseObject,
} from "@ccsp/engine-kit";

/** What a working folder and the root of its repository bring to a run. */
export interface Brought {
  /** The texts of CLAUDE.md, with where they are from. Empty: there are none. */
  readonly instructions: string;
  /** Uses of tools that the folders' settings deny, for settings of the CLI that are in another folder. */
  readonly denied: readonly string[];
  /** The settings of the working folder. The first one counts. */
  readonly settings: readonly Json[];
  /** Names of what the CLI would load and does not, and of files that cannot be used. They have no content of files. */
  readonly ignored: readonly string[];
}

export const NOTHING_BROUGHT: Brought = { instructions: "", denied: [], settings: [], ignored: [] };

/** Most bytes of all instructions together, and of each settings file. */
const MOST_BYTES = 64 * 1024;
const LOCAL_FIRST = ["settings.local.json", "settings.json"];
/** Beside the settings, what the CLI (2.1.332) loads of a project. */
const LOADED = [".mcp.json", "CLAUDE.local.md"];
const LOADED_OF_CLAUDE = ["CLAUDE.md", "agents", "commands", "output-styles", "rules", "skills", "workflows"];

/** A folder that a run may change at any time. */
interface Place {
  readonly path: string;
  readonly open: OpenFolder;
}

/**
 * Reads them without following links, so everything is from inside `root`: an allowed root, which has the working
 * folder. What cannot be used is ignored and named: a link, a pipe, a text that is too
 * long, a file that this user may not read, settings that are not JSON.
 */
export async function readBrought(root: string, workingFolder: string): Promise<Brought> {
  const places: Place[] = [];
  const ignored: string[] = [];
  try {
    await descend(root, workingFolder, places);
    const folder = places.at(-1);
    if (folder?.path !== workingFolder) return NOTHING_BROUGHT;
    const repository = await findRepository(places);
    const used = repository && repository !== folder ? [folder, repository] : [folder];
    let left = MOST_BYTES;
    const [instructions, denied]: [string[], string[]] = [[], []];
    let settings: readonly Json[] = [];
    for (const place of used) {
      const name = (file: string) => (place === folder ? file : `${file} of the repository`);
      const take = (open: OpenFolder, file: string, shown: string, mostBytes: number) =>
        open.read(file, { mostBytes, shared: true }).catch((error: unknown) => {
          if (!(error instanceof FileRefused)) throw error;
          ignored.push(`${name(shown)} (${error.why})`);
          return undefined;
        });
      const text = await take(place.open, "CLAUDE.md", "CLAUDE.md", left);
      if (text !== undefined) {
        left -= text.byteLength;
        instructions.unshift(instruction(join(place.path, "CLAUDE.md"), Buffer.from(text).toString("utf8")));
      }
      for (const file of LOADED) if (await place.open.facts(file)) ignored.push(name(file));
      const own: Json[] = [];
      await inFolder(
        orIgnored(place.open.folder(".claude"), () => ignored.push(name(".claude"))),
        async (claude) => {
          for (const file of LOCAL_FIRST) {
            const content = await take(claude, file, `.claude/${file}`, MOST_BYTES);
            if (content === undefined) continue;
            const found = parseObject(Buffer.from(content));
            if (found === undefined) {
              ignored.push(`${name(`.claude/${file}`)} (not JSON)`);
              continue;
            }
            own.push(found);
            denied.push(...deniedBy(found, place.path));
            ignored.push(...keysOf(found).map((key) => name(`${key} in .claude/${file}`)));
          }
          for (const file of LOADED_OF_CLAUDE) if (await claude.facts(file)) ignored.push(name(`.claude/${file}`));
        },
      );
      if (place === folder) settings = own;
    }
    return { instructions: instructions.join("\n\n"), denied: [...new Set(denied)], settings, ignored };
  } catch (error) {
    // Somebody put a link in the place of a folder since the executor has resolved the path.
    if (error instanceof FileRefused) return { ...NOTHING_BROUGHT, ignored: [`the working folder (${error.why})`] };
    throw error;
  } finally {
    for (const { open } of places) await open.close();
  }
}

/** Opens `root` and each folder from there to `folder`, as far as they exist. The caller closes `places`. */
async function descend(root: string, folder: string, places: Place[]): Promise<void> {
  let open = await openTrustedFolder(root);
  let path = root;
  for (const name of [
    ...relative(root, folder)
      .split(sep)
      .filter((part) => part !== ""),
    undefined,
  ]) {
    if (open === undefined) return;
    places.push({ path, open });
    if (name === undefined) return;
    open = await open.folder(name);
    path = join(path, name);
  }
}

async function findRepository(places: readonly Place[]): Promise<Place | undefined> {
  for (const place of places.toReversed()) if (await place.open.facts(".git")) return place;
  return undefined;
}

const orIgnored = (opening: Promise<OpenFolder | undefined>, onRefused: () => void): Promise<OpenFolder | undefined> =>
  opening.catch((error: unknown) => {
    if (!(error instanceof FileRefused)) throw error;
    onRefused();
    return undefined;
  });

const instruction = (path: string, text: string): string =>
  `Contents of ${path} (instructions of the project in ${dirname(path)}):\n\n${text.trim()}`;

/** In the CLI, a path that begins with one `/` is meant from the folder of the settings. */
const deniedBy = (settings: Json, folder: string): readonly string[] =>
  listAt(settings, "permissions", "deny")
    .filter((rule) => typeof rule === "string")
    .map((rule) => rule.replace(/^(\w+\()\/(?!\/)/, (_whole, tool: string) => `${tool}/${folder}/`));

/** Names of settings as the CLI documents them. Others are not named, because a name may be any text. */
const KEYS: ReadonlySet<string> = new Set([
  "agent",
  "apiKeyHelper",
  "awsAuthRefresh",
  "awsCredentialExport",
  "enableAllProjectMcpServers",
  "enabledMcpjsonServers",
  "enabledPlugins",
  "env",
  "extraKnownMarketplaces",
  "gcpAuthRefresh",
  "hooks",
  "model",
  "otelHeadersHelper",
  "outputStyle",
  "sandbox",
  "statusLine",
]);

const keysOf = (settings: Json): readonly string[] => [
  ...entriesAt(settings).flatMap(([key]) => (KEYS.has(key) ? [key] : [])),
  ...entriesAt(settings, "permissions").flatMap(([key]) =>
    ["allow", "ask", "defaultMode"].includes(key) ? [`permissions.${key}`] : [],
  ),
];
