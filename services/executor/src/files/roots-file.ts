import { resolve } from "node:path";
import { operatorFiles } from "@ccsp/engine-kit/own-files";
import type { MoreRoots } from "../domain/admission.js";
import { isInside, isUnder } from "../domain/policy.js";

interface RootsFile {
  /** Undefined: there is no such file, and no folder is added. */
  readonly path: string | undefined;
  /** Folder of the executor. A line that contains it is not used: tasks would read each other's files. */
  readonly dir: string;
  /** Paths that every run gets by their names. A line that contains one is not used: a run could put a link there. */
  readonly mounted: readonly string[];
  /** Paths where every run may write. A line inside of one is not used. */
  readonly writable: readonly string[];
  /** Gets each line that is not used, and why, once for each version of the file. */
  readonly warn: (detail: { readonly line: string; readonly why: string }) => void;
}

/**
 * The folders in a file that may change at any time. It is read again when it is another file than before or has another
 * time. A file that is missing or cannot be read allows nothing.
 */
export function readRootsFile({ path, dir, mounted, writable, warn }: RootsFile): MoreRoots {
  if (path === undefined) return async () => [];
  let [version, roots] = ["", [] as readonly string[]];
  return async () => {
    const now = await versionOf(path);
    if (now === version) return roots;
    const text = await operatorFiles.readFile(path, "utf8").catch(() => "");
    const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    const faults = await Promise.all(lines.map((line) => faultOf(line, { own: [path, dir], mounted, writable })));
    roots = lines.filter((_line, i) => faults[i] === undefined);
    // The version is from before the read. If the file was changed meanwhile, the next call reads it again.
    version = now;
    for (const [i, why] of faults.entries()) if (why !== undefined) warn({ line: lines[i] ?? "", why });
    return roots;
  };
}

async function versionOf(path: string): Promise<string> {
  const { ino, size, mtimeNs } = await operatorFiles
    .stat(path, { bigint: true })
    .catch(() => ({ ino: 0n, size: 0n, mtimeNs: 0n }));
  return `${ino} ${size} ${mtimeNs}`;
}

type Others = { readonly own: readonly string[] } & Pick<RootsFile, "mounted" | "writable">;

async function faultOf(root: string, { own, mounted, writable }: Others): Promise<string | undefined> {
  if (!root.startsWith("/") || resolve(root) !== root.replace(/(?<=.)\/+$/, "")) return "it is not an absolute path";
  const names = [root, await real(root)];
  for (const each of own) {
    for (const place of [each, await real(each)]) {
      if (names.some((name) => isUnder(place, name))) return `it contains ${each}`;
    }
  }
  const inside = mounted.find((each) => names.some((name) => isInside(each, name)));
  if (inside !== undefined) return `it contains ${inside}, which every run gets`;
  const around = writable.find((each) => isInside(root, each));
  if (around !== undefined) return `it is in ${around}, where every run may write`;
  return undefined;
}

const real = (path: string): Promise<string> => operatorFiles.realpath(path).catch(() => path);
