// Packs the `ccsp` command with the services that `ccsp up` starts. The package has the layout of the repository, so
// that the command finds everything as in a checkout:
//
//   packages/cli, deploy/{redis*,consul}   as in the repository
//   node_modules/@ccsp/NAME                the packages of this project, as bundled dependencies
//   services/NAME/dist/main.js             starts the bundled service; packages/telemetry has such a file too
//
// Packages from a registry are dependencies.
import { cp, mkdir, readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { at, byName, npmPack, published, readJson, stage } from "./package.mjs";

/** Only the build, tests and people need these. */
const NOT_PACKED =
  /^(src|test|bench|chaos|fixtures|recordings|node_modules|README\.md|build\.mjs|tsconfig.*|.*\.tsbuildinfo|.*\.map|.*\.d\.ts)$/;

/** Nothing imports the engine plugin: an executor loads it by its name. */
const BY_NAME = ["engine-opencode"];

/** The CLI is large. People have their own, or install it beside this package. */
const OPTIONAL_PEERS = ["@anthropic-ai/claude-code"];

export async function packCli(destination) {
  const folder = await stage(destination, "cli");
  const packages = await closure(["cli", ...BY_NAME]);
  const bundled = [...packages.keys()].filter((name) => name !== "cli").toSorted(byName);
  await copyPackage(packages.get("cli").source, join(folder, "packages/cli"), { exported: false });
  for (const name of bundled) await copyPackage(packages.get(name).source, join(folder, "node_modules/@ccsp", name));
  await mkdir(join(folder, "deploy"));
  for (const path of ["redis.conf", "redis", "consul"]) {
    await cp(at(`deploy/${path}`), join(folder, "deploy", path), { recursive: true });
  }
  await cp(at("packages/cli/README.md"), join(folder, "README.md"));
  for (const [name, { source }] of packages) {
    if (source.startsWith("services/")) await forward(folder, source, `${name}/dist/main.js`);
  }
  await forward(folder, "packages/telemetry", "telemetry/dist/register.js");

  const manifest = await published("packages/cli");
  return npmPack(
    folder,
    {
      ...manifest,
      bin: { ccsp: "packages/cli/bin/ccsp.js" },
      dependencies: {
        ...Object.fromEntries(bundled.map((name) => [`@ccsp/${name}`, manifest.version])),
        ...registry(packages),
      },
      bundleDependencies: bundled.map((name) => `@ccsp/${name}`),
      peerDependencies: Object.fromEntries(OPTIONAL_PEERS.map((name) => [name, "*"])),
      peerDependenciesMeta: Object.fromEntries(OPTIONAL_PEERS.map((name) => [name, { optional: true }])),
    },
    destination,
  );
}

/** These packages of this project and all that they use at run time, by their names without the scope. */
async function closure(names) {
  const found = new Map();
  const add = async (name) => {
    if (found.has(name)) return;
    const source = `${(await readdir(at("services"))).includes(name) ? "services" : "packages"}/${name}`;
    const { dependencies = {} } = await readJson(at(source, "package.json"));
    found.set(name, { source, dependencies });
    for (const each of Object.keys(dependencies)) if (each.startsWith("@ccsp/")) await add(each.slice("@ccsp/".length));
  };
  for (const name of names) await add(name);
  return found;
}

/** The packages from a registry that these packages use. The workspace has one version of each. */
function registry(packages) {
  const all = {};
  for (const { source, dependencies } of packages.values()) {
    for (const [name, version] of Object.entries(dependencies)) {
      if (name.startsWith("@ccsp/")) continue;
      if (all[name] !== undefined && all[name] !== version)
        throw new Error(`${source} uses ${name} ${version}, and another package uses ${all[name]}`);
      all[name] = version;
    }
  }
  return Object.fromEntries(Object.entries(all).sort(([a], [b]) => byName(a, b)));
}

/** Copies what a package needs at run time. */
async function copyPackage(source, folder, { exported = true } = {}) {
  await mkdir(folder, { recursive: true });
  const packed = (path) => !NOT_PACKED.test(path.slice(dirname(path).length + 1)) || path === at(source);
  await cp(at(source), folder, { recursive: true, filter: packed });
  const { name, version, license, type, exports } = await readJson(at(source, "package.json"));
  const manifest = { name, version, license, type, ...(exported && { exports }) };
  await writeFile(join(folder, "package.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
}

/** Makes the file that stands where a checkout has `source`, and runs the bundled one. */
async function forward(folder, source, file) {
  const path = join(folder, source, file.slice(file.indexOf("/") + 1));
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `import "../../../node_modules/@ccsp/${file}";\n`);
}
