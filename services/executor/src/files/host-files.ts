import { constants, type Stats } from "node:fs";
import { type FileHandle, open, readlink, realpath, stat } from "node:fs/promises";
import type { HostFiles } from "../domain/admission.js";
import type { Found } from "../domain/policy.js";
import { HAS_PROC } from "../supervision/proc.js";

/** Reads this host's files for tasks that name them. */
export const hostFiles: HostFiles = {
  async resolve(path) {
    try {
      const real = await realpath(path);
      return { real, kind: kindOf(await stat(real)) };
    } catch {
      return undefined;
    }
  },

  async read(real, mostBytes) {
    let file: FileHandle | undefined;
    try {
      // Another process may have replaced the file since the check. Without O_NONBLOCK, opening a FIFO would wait
      // forever.
      file = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      const stats = await file.stat();
      if (kindOf(stats) !== "file" || (await placeOf(file, real)) !== real) return "changed";
      if (stats.size > mostBytes) return "large";
      const chunks: Buffer[] = [];
      // Reads at most one byte more than the limit: the file may grow meanwhile.
      for await (const chunk of file.createReadStream({ end: mostBytes, autoClose: false })) chunks.push(chunk);
      const content = Buffer.concat(chunks);
      return content.byteLength > mostBytes ? "large" : content;
    } catch {
      return "changed";
    } finally {
      await file?.close();
    }
  },
};

const kindOf = (stats: Pick<Stats, "isFile" | "isDirectory">): Found["kind"] =>
  stats.isFile() ? "file" : stats.isDirectory() ? "folder" : "other";

/**
 * The real path of an open file, even if a folder on its path was replaced after the check. On a host without /proc it
 * is unknown: then this is the path that was asked for.
 */
const placeOf = async (file: FileHandle, asked: string): Promise<string> =>
  HAS_PROC ? await readlink(`/proc/self/fd/${file.fd}`) : asked;
