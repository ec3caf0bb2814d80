import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, realpath, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import ts from "typescript";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const WORKSPACE = ["packages", "services"];
const run = promisify(execFile);

/** Why the services of a commit cannot be built here. Undefined: they can. */
export async function whyNoCommit(commit: string): Promise<string | undefined> {
  try {
    await run("git", ["-C", ROOT, "cat-file", "-e", `${commit}^{commit}`]);
    return undefined;
  } catch {
    return `git does not have the commit ${commit.slice(0, 8)} here (no git, or a clone without its history)`;
  }
}

/**
 * Writes the release of a commit into an empty folder, built, so that its services and its `ccsp` run from there. It
 * needs no network: packages from a registry are those of today, which have to be the same versions. Throws if they are
 * not.
 */
export async function buildEarlier(commit: string, folder: string): Promise<void> {
  const archive = join(folder, "release.tar");
  await run("git", [
    "-C",
    ROOT,
    "archive",
    "--output",
    archive,
    commit,
    "packages",
    "services",
    "package.json",
    "deploy",
  ]);
  await run("tar", ["-x", "-f", archive, "-C", folder]);
  const own = await packagesOf(folder);
  await linkRegistry(folder, own);
  await mkdir(join(folder, "node_modules", "@ccsp"), { recursive: true });
  for (const path of own) {
    const { name } = await manifestOf(join(folder, path));
    await symlink(join(folder, path), join(folder, "node_modules", name));
    await compile(join(folder, path));
  }
}

/** The paths of the packages in a checkout, such as `services/queue`. */
async function packagesOf(root: string): Promise<readonly string[]> {
  const paths: string[] = [];
  for (const part of WORKSPACE) {
    for (const name of await readdir(join(root, part))) {
      if (existsSync(join(root, part, name, "package.json"))) paths.push(join(part, name));
    }
  }
  return paths;
}

async function linkRegistry(folder: string, own: readonly string[]): Promise<void> {
  const today = new Map<string, { version: string; path: string }>();
  for (const path of await packagesOf(ROOT)) {
    const { dependencies = {} } = await manifestOf(join(ROOT, path));
    for (const [name, version] of Object.entries(dependencies)) {
      if (!name.startsWith("@ccsp/")) today.set(name, { version, path: join(ROOT, path, "node_modules", name) });
    }
  }
  for (const path of own) {
    const { dependencies = {} } = await manifestOf(join(folder, path));
    for (const [name, version] of Object.entries(dependencies)) {
      const link = join(folder, "node_modules", name);
      if (name.startsWith("@ccsp/") || existsSync(link)) continue;
      const found = today.get(name);
      if (found === undefined || found.version !== version) {
        // Only tests of that release use it.
        if (found === undefined && path === join("packages", "testkit")) continue;
        throw new Error(`${path} of the release needs ${name} ${version}, and today has ${found?.version ?? "none"}`);
      }
      await mkdir(dirname(link), { recursive: true });
      await symlink(await realpath(found.path), link);
    }
  }
}

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

async function manifestOf(folder: string): Promise<Manifest> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a manifest of this project
  return JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as Manifest;
}

/** Writes `dist` from `src`, file by file. The release itself was checked when it was made. */
async function compile(folder: string): Promise<void> {
  const source = join(folder, "src");
  if (!existsSync(source)) return;
  for (const file of await readdir(source, { recursive: true })) {
    if (!file.endsWith(".ts") || file.endsWith(".test.ts")) continue;
    const { outputText } = ts.transpileModule(await readFile(join(source, file), "utf8"), {
      compilerOptions: { target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true },
    });
    const output = join(folder, "dist", file.replace(/\.ts$/, ".js"));
    await mkdir(dirname(output), { recursive: true });
    await writeFile(output, outputText);
  }
}
