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

/** The commit of a release, found by its subject. Undefined without git, or in a clone without its history. */
export async function commitOf(release: string): Promise<string | undefined> {
  const subject = `^Release ${release}$`;
  const log = await run("git", ["-C", ROOT, "log", "-1", "--format=%H", "--grep", subject]).catch(() => undefined);
  return log?.stdout.trim() || undefined;
}

/** No service needs them. */
const LEFT_OUT = ["chaos", "demo", "docs-generator", "e2e", "e2e-kit", "fuzz", "grafana", "k8s-checks"]
  .concat("rollout", "testkit")
  .map((name) => `:(exclude)packages/${name}`);

/**
 * Builds the release of a commit in an empty folder, so that its services run from there. It needs no network: packages
 * from a registry are those of this repository, in its versions.
 */
export async function buildEarlier(commit: string, folder: string): Promise<void> {
  const archive = join(folder, "release.tar");
  await run("git", ["-C", ROOT, "archive", "--output", archive, commit, ...WORKSPACE, "deploy", ...LEFT_OUT]);
  await run("tar", ["-x", "-f", archive, "-C", folder]);
  const paths = await packagesOf(folder);
  await linkRegistry(folder, paths);
  await mkdir(join(folder, "node_modules", "@ccsp"), { recursive: true });
  for (const path of paths) {
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

/** Makes node_modules with the packages from a registry that these packages need. */
async function linkRegistry(folder: string, paths: readonly string[]): Promise<void> {
  const today = await registryOf(ROOT, await packagesOf(ROOT));
  for (const name of (await registryOf(folder, paths)).keys()) {
    const user = today.get(name);
    if (user === undefined) throw new Error(`the release needs ${name}, which this repository does not have any more`);
    const link = join(folder, "node_modules", name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(await realpath(join(ROOT, user, "node_modules", name)), link);
  }
}

/** The packages from a registry by their names, each with the path of a package of this project that depends on it. */
async function registryOf(root: string, paths: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const path of paths) {
    const { dependencies = {} } = await manifestOf(join(root, path));
    for (const name of Object.keys(dependencies)) if (!name.startsWith("@ccsp/")) found.set(name, path);
  }
  return found;
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
