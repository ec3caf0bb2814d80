// Bundles the command and the five services into .tools/bundles: a start then reads some ten files, not a thousand, and
// takes half the processor time. packages/cli/bin/ccsp.js and @ccsp/fleet run a bundle where there is one, which is a
// checkout; an installed package and an image run dist/. A bundle that is newer than what it was made from stays.
import {
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const DAY_MS = 86_400_000;
const START = "\0start";

/** Tracing and the standard streams come before any other code, as with `node --import @ccsp/telemetry/register.js`. */
const FIRST = "packages/telemetry/dist/register.js";
/** Plugins of an executor load these from dist/. The executor has to have the same instances. */
const WITH_PLUGINS = ["engine-kit", "config"];
const service = (name) => ({
  name,
  made: `services/${name}/tsconfig.tsbuildinfo`,
  start: [FIRST, `services/${name}/dist/main.js`],
});
const command = { made: "packages/cli/tsconfig.tsbuildinfo", start: ["packages/cli/dist/main.js"] };
const BUNDLES = [
  ...["gateway", "monitor", "notification", "queue"].map(service),
  { ...service("executor"), shared: WITH_PLUGINS },
  { ...command, name: "ccsp" },
  // All services in one process: `ccsp up --single --in-process`.
  { ...command, name: "single", start: [FIRST, ...command.start], shared: WITH_PLUGINS },
];

const at = (path) => join(ROOT, path);
const modified = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** The module that a bundle begins with. */
const start = (paths) => ({
  name: "start",
  resolveId: (id) => (id === START ? id : undefined),
  load: (id) =>
    id === START ? paths.map((path) => `await import(${JSON.stringify(at(path))});\n`).join("") : undefined,
});

/** Leaves the entry of a package in its own dist/. */
const shared = (folder, names) => ({
  name: "shared",
  resolveId(id) {
    const name = /^@ccsp\/([a-z-]+)$/.exec(id)?.[1];
    if (!names.includes(name)) return undefined;
    return { id: relative(join(folder, "ccsp"), at(`packages/${name}/dist/index.js`)), external: true };
  },
});

/**
 * A module finds its files relative to itself. In the bundle that would be the bundle's folder, so these expressions get
 * the place that the module has in dist/ or node_modules/. This replaces text, so also in strings and comments.
 */
const places = (folder) => ({
  name: "places",
  transform(code, id) {
    if (id.startsWith("\0")) return undefined;
    if (/import\.meta\.(?!url)/.test(code) && !id.includes("/node_modules/")) {
      throw new Error(`${id}: of import.meta, only url can be bundled`);
    }
    if (!/import\.meta\.url|__dirname|__filename|__require/.test(code)) return undefined;
    const url = (path) => `new URL(${JSON.stringify(relative(join(folder, "ccsp"), path))}, import.meta.url)`;
    const path = (place) => `process.getBuiltinModule("node:url").fileURLToPath(${url(place)})`;
    return (
      code
        // Code that rolldown made, such as the exporter of spans, requires packages late and by this name. gRPC would get
        // an instance of its own, whose credentials no other takes.
        .replaceAll(/\b__require\((?=")/g, "require(")
        .replaceAll("import.meta.url", `${url(id)}.href`)
        .replaceAll(/\b__dirname\b/g, path(dirname(id)))
        .replaceAll(/\b__filename\b/g, path(id))
    );
  },
});

async function write({ name, made, start: paths, shared: names = [] }) {
  const folder = at(`.tools/bundles/${name}`);
  const main = join(folder, "main.js");
  const inputs = [".ci/bundle.mjs", "node_modules/.ccsp-installed", made].map(at);
  if (inputs.every((path) => modified(path) < modified(main))) return;

  const began = new Date();
  const bundle = await rolldown({
    input: { main: START },
    platform: "node",
    external: /^node:/,
    plugins: [start(paths), shared(folder, names), places(folder)],
    // oidc-keys.js loads undici late, and another module of the same bundle loads it at once.
    checks: { ineffectiveDynamicImport: false },
  });
  // Packages of others get a path that says so: the log prints no stack of an error that they made. Both folders are as
  // deep, for `places`.
  const isForeign = ({ moduleIds }) => moduleIds.every((id) => !id.startsWith(ROOT) || id.includes("/node_modules/"));
  const { output } = await bundle.generate({
    format: "esm",
    chunkFileNames: (chunk) => `${isForeign(chunk) ? "node_modules" : "ccsp"}/[name]-[hash].js`,
    codeSplitting: { groups: [{ name: "packages", test: /\/node_modules\//, entriesAware: true }] },
  });

  for (const each of ["ccsp", "node_modules"]) mkdirSync(join(folder, each), { recursive: true });
  put(join(folder, "package.json"), '{ "type": "module" }\n');
  const chunks = output.filter(({ fileName }) => fileName !== "main.js");
  // Its name has a hash of what is in it.
  for (const { fileName, code } of chunks) if (!existsSync(join(folder, fileName))) put(join(folder, fileName), code);
  const current = new Set(chunks.map(({ fileName }) => fileName));
  const before = existsSync(main) ? readFileSync(main, "utf8").split(CHUNKS)[1]?.trim().split(" ") : undefined;
  // Of two builds at once, the chunks of both are there, and the last main.js counts. What is compiled from here on is
  // newer than the bundle.
  put(main, `${output.find(({ fileName }) => fileName === "main.js").code}${CHUNKS}${[...current].join(" ")}\n`, began);

  // A process that runs now may still load chunks of the bundle before. They stay for a day from now.
  for (const chunk of before ?? [])
    if (!current.has(chunk) && existsSync(join(folder, chunk))) touch(join(folder, chunk));
  for (const chunk of globSync("*/*.js", { cwd: folder })) {
    if (!current.has(chunk) && modified(join(folder, chunk)) < began.getTime() - DAY_MS) rmSync(join(folder, chunk));
  }
}

/** The last line of a main.js begins with this and names the chunks of its bundle. */
const CHUNKS = "\n// chunks: ";

/** Writes a file as a whole: a process that starts now reads the one before or this one. */
function put(file, text, time = new Date()) {
  const next = `${file}.${process.pid}`;
  writeFileSync(next, text);
  utimesSync(next, time, time);
  renameSync(next, file);
}

function touch(file) {
  const now = new Date();
  utimesSync(file, now, now);
}

for (const each of BUNDLES) await write(each);
