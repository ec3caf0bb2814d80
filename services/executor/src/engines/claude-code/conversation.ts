import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ConversationState, RunFolder } from "@ccsp/engine-kit";

/** A larger one is not kept. */
const MOST_BYTES = 64 * 1024 * 1024;

const folderOf = ({ path }: RunFolder): string => join(path, "conversation");

/**
 * Writes a conversation into the run's folder and answers the file's path, for `--resume`. The CLI (2.1.197) goes on in the file's
 * folder then, under the id that is the file's name; it looks for a bare id in a folder that depends on where it works.
 */
export async function placeConversation(folder: RunFolder, { id, transcript }: ConversationState): Promise<string> {
  if (!isSessionId(id)) throw new Error("the conversation's id is none of Claude Code");
  const file = join(folderOf(folder), `${id}.jsonl`);
  await mkdir(dirname(file), { mode: 0o700 });
  await writeFile(file, transcript, { mode: 0o600 });
  return file;
}

/**
 * Reads what a run leaves of its conversation: where it was placed, or in the CLI's own folder of `config`. Undefined when it is not
 * there or too large.
 */
export async function readConversation(folder: RunFolder, config: string, id: string): Promise<Uint8Array | undefined> {
  if (!isSessionId(id)) return undefined;
  const projects = join(config, "projects");
  const places = [folderOf(folder), ...(await entries(projects)).map((name) => join(projects, name))];
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

/** Removes what the CLI keeps about a working folder that is no more, from a config folder that stays. */
export async function forgetWorkingFolder(config: string, work: string): Promise<void> {
  await rm(join(config, "projects", work.replaceAll(/[^A-Za-z0-9]/g, "-")), { recursive: true, force: true });
}

const entries = (folder: string): Promise<readonly string[]> => readdir(folder).catch(() => []);

const isSessionId = (id: string): boolean => /^[0-9A-Za-z][0-9A-Za-z-]{0,127}$/.test(id);
