import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** What each leaf package may use of ours when it runs. A new edge is a decision: it is made here, where it is seen. */
const MAY_USE: Readonly<Record<string, readonly string[]>> = {
  protos: [],
  config: [],
  fleet: [],
  testkit: ["fleet"],
  errors: ["protos"],
  "engine-kit": ["config"],
  "engine-opencode": ["config", "engine-kit"],
  lifecycle: ["config"],
  telemetry: [],
  discovery: ["config"],
  "redis-kit": ["errors"],
  events: ["protos", "redis-kit"],
  "grpc-kit": ["errors", "protos"],
  client: ["errors", "grpc-kit", "protos"],
};
/** A service builds on leaves; the client is what agents use to reach services, engine plugins are loaded by name, fleet and testkit are for tests. */
const SERVICE_MAY_USE = Object.keys(MAY_USE).filter(
  (name) => !["client", "engine-opencode", "fleet", "testkit"].includes(name),
);
/** What puts the services together. Nothing but these uses services, and no leaf and no service uses these. */
const APPS = ["cli", "demo", "e2e"];
const SERVICES = ["gateway", "queue", "executor", "monitor", "notification"];

interface Member {
  readonly name: string;
  readonly folder: string;
  readonly dependencies: readonly string[];
  readonly devDependencies: readonly string[];
}

interface Import {
  readonly file: string;
  readonly specifier: string;
}

describe("The import graph", () => {
  let members: readonly Member[];
  before(async () => {
    const folders = ["packages", "services"].flatMap((parent) =>
      readdirSync(join(ROOT, parent)).map((name) => `${parent}/${name}`),
    );
    members = await Promise.all(folders.filter((folder) => existsSync(join(ROOT, folder, "package.json"))).map(load));
  });
  const named = (names: readonly string[]) => members.filter(({ name }) => names.includes(name));

  it("knows every package and service", () => {
    const known = [...Object.keys(MAY_USE), ...SERVICES, ...APPS];
    assert.deepEqual(members.map(({ name }) => name).sort(), known.sort());
  });

  it("lets a leaf package depend on what the table says, and nothing else", () => {
    const wrong = named(Object.keys(MAY_USE)).flatMap(({ name, dependencies }) => {
      return ours(dependencies).flatMap((used) =>
        MAY_USE[name]?.includes(used) ? [] : [`${name} depends on ${used}`],
      );
    });
    assert.deepEqual(wrong, []);
  });

  it("lets a service depend on leaf packages, and on no other service, not even in tests", () => {
    const wrong = named(SERVICES).flatMap(({ name, dependencies, devDependencies }) => [
      ...ours(dependencies).flatMap((used) => (SERVICE_MAY_USE.includes(used) ? [] : [`${name} depends on ${used}`])),
      ...ours(devDependencies).flatMap((used) => (used in MAY_USE ? [] : [`${name} tests with ${used}`])),
    ]);
    assert.deepEqual(wrong, []);
  });

  it("lets only the apps depend on services, and nobody on an app but another", () => {
    const assembled = new Set([...SERVICES, ...APPS]);
    const wrong = members.flatMap(({ name, dependencies, devDependencies }) =>
      ours([...dependencies, ...devDependencies]).flatMap((used) =>
        assembled.has(used) && !APPS.includes(name) ? [`${name} depends on ${used}`] : [],
      ),
    );
    assert.deepEqual(wrong, []);
  });

  it("finds every import of a source declared by its package, and none that reaches into another by path", async () => {
    const rootTools = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")).devDependencies;
    const wrong: string[] = [];
    for (const { name, folder, dependencies, devDependencies } of members) {
      for (const { file, specifier } of await importsUnder(folder)) {
        if (specifier.startsWith(".")) {
          const inside = !relative(join(ROOT, folder), resolve(ROOT, dirname(file), specifier)).startsWith("..");
          if (!inside) wrong.push(`${file} reaches out to ${specifier}`);
          continue;
        }
        const used = packageOf(specifier);
        const test = isTest(file);
        const declared =
          specifier.startsWith("node:") ||
          used === `@ccsp/${name}` ||
          dependencies.includes(used) ||
          (test && (devDependencies.includes(used) || used in rootTools));
        if (!declared) wrong.push(`${file} imports ${specifier}, which its package does not declare`);
      }
    }
    assert.deepEqual(wrong, []);
  });

  it("keeps domain/ free of its neighbours: no grpc/, no redis/, no generated code", async () => {
    const wrong = (await Promise.all(named(SERVICES).map(({ folder }) => importsUnder(`${folder}/src/domain`))))
      .flat()
      .filter(
        ({ file, specifier }) =>
          !isTest(file) && /^@ccsp\/(protos|grpc-kit|redis-kit)|^@grpc\/|^ioredis|\/(grpc|redis)\//.test(specifier),
      )
      .map(({ file, specifier }) => `${file} imports ${specifier}`);
    assert.deepEqual(wrong, []);
  });
});

async function load(folder: string): Promise<Member> {
  const manifest = await readFile(join(ROOT, folder, "package.json"), "utf8");
  const { name, dependencies = {}, devDependencies = {} } = JSON.parse(manifest);
  return {
    name: String(name).replace("@ccsp/", ""),
    folder,
    dependencies: Object.keys(dependencies),
    devDependencies: Object.keys(devDependencies),
  };
}

/** Of our own packages, without the scope. */
function ours(names: readonly string[]): string[] {
  return names.flatMap((name) => (name.startsWith("@ccsp/") ? [name.slice("@ccsp/".length)] : []));
}

function packageOf(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

function isTest(file: string): boolean {
  return file.endsWith(".test.ts") || ["test", "bench"].includes(file.split("/")[2] ?? "");
}

/** Statements only, at the start of a line: an import in a template string is some test's material. */
async function importsUnder(folder: string): Promise<Import[]> {
  const found = sourcesUnder(folder).map(async (file) => {
    const source = await readFile(join(ROOT, file), "utf8");
    const statements = source.matchAll(
      /^(?:import|export)\s+(?:[\w\s,*{}$]+\sfrom\s+)?"([^"]+)";|\bimport\("([^"]+)"\)/gm,
    );
    return [...statements].map((match) => ({ file, specifier: match[1] ?? match[2] ?? "" }));
  });
  return (await Promise.all(found)).flat();
}

function sourcesUnder(folder: string): string[] {
  if (!existsSync(join(ROOT, folder))) return [];
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return ["node_modules", "dist", "gen"].includes(entry.name) ? [] : sourcesUnder(path);
    return /\.(ts|mjs|js)$/.test(entry.name) ? [path] : [];
  });
}
