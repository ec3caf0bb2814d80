import { basename, dirname } from "node:path";
import { FileRefused, followLinks, inFolder, openFolder } from "@ccsp/engine-kit";
import type { HostFiles } from "../domain/admission.js";

/** Reads this host's files for tasks that name them. Other tasks may have these folders as their working folders. */
export const hostFiles: HostFiles = {
  resolve: followLinks,

  async read(real, mostBytes) {
    try {
      // The folder is one that people share.
      const options = { mostBytes, shared: true };
      const content = await inFolder(openFolder(dirname(real)), (folder) => folder.read(basename(real), options));
      return content ?? "changed";
    } catch (error) {
      return error instanceof FileRefused && error.why === "bytes" ? "large" : "changed";
    }
  },
};
