import { join } from "node:path";
import type { RunFile } from "./engine.js";
import { createBelow } from "./run-files.js";
import type { RunFolder } from "./supervisor.js";

/** The files of a run, at paths where the engine finds them. */
export interface WrittenFiles {
  /** A folder that holds only these files. Undefined when there are none. */
  readonly folder: string | undefined;
  /** Absolute paths, in the order of the request. */
  readonly paths: readonly string[];
  /** Tells the model about the files. Empty when there are none. It has only names, which the task chose. */
  readonly notice: string;
}

/** Writes a run's files into its folder, with access for their owner only. They are deleted with the folder. */
export async function writeFiles({ path }: RunFolder, files: readonly RunFile[]): Promise<WrittenFiles> {
  if (files.length === 0) return { folder: undefined, paths: [], notice: "" };
  const folder = join(path, "files");
  const paths = files.map(({ name }) => join(folder, name));
  // The folder was empty before. So a second file with the same name is a fault of the caller.
  for (const { name, content } of files) await createBelow(path, `files/${name}`, content);
  const lines = files.map(({ origin }, i) => `- ${paths[i]}${origin === undefined ? "" : ` (copy of ${origin})`}`);
  return { folder, paths, notice: ["Files given with this request:", ...lines].join("\n") };
}
