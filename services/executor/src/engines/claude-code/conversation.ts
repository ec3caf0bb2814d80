import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ConversationState, RunFolder } from "@ccsp/engine-kit";
import { conversationFolder } from "./environment.js";

/** A larger transcript is not kept. */
const MOST_BYTES = 64 * 1024 * 1024;

/**
 * Writes a conversation into the run's folder. Returns the file's path, for `--resume`. With a path, the CLI (2.1.197)
 * continues in that file's folder, under the id that is the file's name. With a bare id, it searches a folder that
 * depends on its working folder.
 */
export async function placeConversation(folder: RunFolder, { id, transcript }: ConversationState): Promise<string> {
  if (!isSessionId(id)) throw new Error("the conversation's id is not one of Claude Code");
  const file = join(conversationFolder(folder), `${id}.jsonl`);
  await mkdir(dirname(file), { mode: 0o700 });
  await writeFile(file, transcript, { mode: 0o600 });
  return file;
}

/**
 * Reads the conversation that a run leaves. It searches the folder where the conversation was placed, then the CLI's
 * own folders in `config`. Undefined if the file does not exist or is too large.
 */
export async function readConversation(folder: RunFolder, config: string, id: string): Promise<Uint8Array | undefined> {
  if (!isSessionId(id)) return undefined;
  const projects = join(config, "projects");
  const places = [conversationFolder(folder), ...(await entries(projects)).map((name) => join(projects, name))];
  for (const place of places) {
    const file = join(place, `${id}.jsonl`);
    const size = await stat(file).then(
      (stats) => stats.size,
      () => undefined,
    );
    if (size !== undefined) return size <= MOST_BYTES ? new Uint8Array(await readFile(file)) : undefined;
  }
  return undefined;
}

/**
 * Removes the CLI's data about a working folder that no longer exists. It is for a config folder that outlives the run.
 */
export async function forgetWorkingFolder(config: string, work: string): Promise<void> {
  await rm(join(config, "projects", work.replaceAll(/[^A-Za-z0-9]/g, "-")), { recursive: true, force: true });
}

const entries = (folder: string): Promise<readonly string[]> => readdir(folder).catch(() => []);

const isSessionId = (id: string): boolean => /^[0-9A-Za-z][0-9A-Za-z-]{0,127}$/.test(id);
