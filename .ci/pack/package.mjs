// What both packed packages share: a folder to build in, the manifest, and `npm pack`.
import { execFile } from "node:child_process";
import { cp, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { publint } from "publint";
import { formatMessage } from "publint/utils";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** The path of a file of the repository. */
export const at = (...path) => join(ROOT, ...path);

export const readJson = async (path) => JSON.parse(await readFile(path, "utf8"));

/** The order of npm, the same on every machine. */
export const byName = (a, b) => (a < b ? -1 : 1);

/** An empty folder for a package, with the licence in it. */
export async function stage(destination, name) {
  const folder = join(destination, name);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const file of ["LICENSE", "NOTICE"]) await cp(at(file), join(folder, file));
  return folder;
}

/** What every published manifest says. The workspace's own manifest stays `private`, so that nobody publishes it. */
export async function published(source) {
  const manifest = await readJson(at(source, "package.json"));
  const {
    name,
    version,
    description,
    license,
    type,
    engines = (await readJson(at("package.json"))).engines,
  } = manifest;
  return { name, version, description, license, type, engines, publishConfig: { access: "public" } };
}

/** Packs the folder with this manifest, if publint finds no fault. Returns the path and the size of the packed file. */
export async function npmPack(folder, manifest, destination) {
  await writeFile(join(folder, "package.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
  const { messages } = await publint({ pkgDir: folder, pack: false, level: "warning" });
  const faults = messages.map((message) => formatMessage(message, manifest));
  if (faults.length > 0) throw new Error(`${manifest.name}: ${faults.join("; ")}`);
  const args = ["pack", folder, "--pack-destination", destination, "--json", "--ignore-scripts"];
  const { stdout } = await promisify(execFile)("npm", args, { maxBuffer: 64 * 1024 * 1024 });
  // npm 12 gives an object by name, and earlier versions a list.
  const [{ filename }] = Object.values(JSON.parse(stdout));
  const path = join(destination, filename);
  return { path, bytes: (await stat(path)).size };
}
