import { constants, type Stats } from "node:fs";
import { type FileHandle, open, readlink, realpath, stat } from "node:fs/promises";
import type { HostFiles } from "../domain/admission.js";
import type { Found } from "../domain/policy.js";
import { HAS_PROC } from "../supervision/proc.js";

/** This host's files, for those who name them from outside. */
export const hostFiles: HostFiles = {
  async look(path) {
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
      // Between the look and now somebody may have put something else there. A FIFO would keep us waiting for ever.
      file = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      const stats = await file.stat();
      if (kindOf(stats) !== "file" || (await placeOf(file, real)) !== real) return "changed";
      if (stats.size > mostBytes) return "large";
      const chunks: Buffer[] = [];
      // It may grow while it is read.
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

/** Where an open file really is, whatever has become of the folders on the way; as asked for where that cannot be told. */
const placeOf = async (file: FileHandle, asked: string): Promise<string> =>
  HAS_PROC ? await readlink(`/proc/self/fd/${file.fd}`) : asked;
