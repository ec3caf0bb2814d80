import { basename, dirname, join } from "node:path";
import {
  type ConversationState,
  createBelow,
  FileRefused,
  inFolder,
  type OpenFolder,
  openFolder,
  type RunFolder,
} from "@ccsp/engine-kit";
import { operatorFiles } from "@ccsp/engine-kit/own-files";
import { CONVERSATION_FOLDER, conversationFolder } from "./environment.js";

/** A larger transcript is not kept. */
const MOST_BYTES = 64 * 1024 * 1024;
/** The CLI has one such folder for each working folder. */
const MOST_PROJECTS = 10_000;

/**
 * Writes a conversation into the run's folder. Returns the file's path, for `--resume`. With a path, the CLI (2.1.197)
 * continues in that file's folder, under the id that is the file's name. With a bare id, it searches a folder that
 * depends on its working folder.
 */
export async function placeConversation(folder: RunFolder, { id, transcript }: ConversationState): Promise<string> {
  if (!isSessionId(id)) throw new Error("the conversation's id is not one of Claude Code");
  await createBelow(folder.path, `${CONVERSATION_FOLDER}/${id}.jsonl`, transcript);
  return join(conversationFolder(folder), `${id}.jsonl`);
}

/**
 * Reads the conversation that a run leaves. It searches the folder where the conversation was placed, then the CLI's
 * own folders in `config`, which has no links in its path. The run can write all of them. Undefined if the file does
 * not exist. Rejects with `FileRefused` if it is too large, or is not a file as the CLI writes it.
 */
export async function readConversation(folder: RunFolder, config: string, id: string): Promise<Uint8Array | undefined> {
  if (!isSessionId(id)) return undefined;
  const read = (place: OpenFolder) => place.read(`${id}.jsonl`, { mostBytes: MOST_BYTES });
  const placed = await inFolder(openFolder(conversationFolder(folder)), read);
  if (placed) return placed;
  return await inFolder(openFolder(projectsFolder(config)), async (projects) => {
    for (const name of await projects.list(MOST_PROJECTS)) {
      const found = await inFolder(projects.folder(name).catch(unlessRefused), read);
      if (found) return found;
    }
    return undefined;
  });
}

/**
 * Removes the CLI's data about a working folder that no longer exists. It is for a config folder that outlives the run.
 */
export async function forgetWorkingFolder(config: string, work: string): Promise<void> {
  const name = work.replaceAll(/[^A-Za-z0-9]/g, "-");
  await inFolder(openFolder(projectsFolder(config)), (projects) => projects.remove(name));
}

/**
 * A config folder that runs share, with the operator's own links resolved. To be called before runs start: later, a run
 * may put links there.
 */
export function resolveConfigFolder(path: string): string {
  try {
    return operatorFiles.realpathSync(path);
  } catch {
    // The CLI makes it in its first run.
    return path === dirname(path) ? path : join(resolveConfigFolder(dirname(path)), basename(path));
  }
}

const projectsFolder = (config: string): string => join(config, "projects");

/** A folder with the CLI's projects may have other files too. */
function unlessRefused(error: unknown): undefined {
  if (!(error instanceof FileRefused)) throw error;
}

const isSessionId = (id: string): boolean => /^[0-9A-Za-z][0-9A-Za-z-]{0,127}$/.test(id);
