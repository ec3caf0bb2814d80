// Bundles the command into .tools/ccsp: a start then reads some 60 files, not 370, and takes half the processor time.
// packages/cli/bin/ccsp.js runs this bundle where there is one, which is a checkout; an installed package and an image
// run dist/. This script does nothing when nothing was compiled or installed since the last bundle.
import { globSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const FOLDER = join(ROOT, ".tools/ccsp");
const MAIN = join(FOLDER, "main.js");
const DAY_MS = 86_400_000;

const began = new Date();
const modified = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
const inputs = [
  "node_modules/.ccsp-installed",
  ".ci/bundle-command.mjs",
  ...globSync("{packages,services}/*/tsconfig.tsbuildinfo", { cwd: ROOT }),
];
if (inputs.every((name) => modified(join(ROOT, name)) < modified(MAIN))) process.exit();

/**
 * A module finds its files relative to itself. In the bundle that would be the bundle's folder, so these expressions get
 * the place that the module has in dist/ or node_modules/. This replaces text, so also in strings and comments.
 */
const places = {
  name: "places",
  transform(code, id) {
    if (!/import\.meta\.url|__dirname|__filename/.test(code)) return undefined;
    const url = (path) => `new URL(${JSON.stringify(relative(FOLDER, path))}, import.meta.url)`;
    const path = (place) => `process.getBuiltinModule("node:url").fileURLToPath(${url(place)})`;
    return code
      .replaceAll("import.meta.url", `${url(id)}.href`)
      .replaceAll(/\b__dirname\b/g, path(dirname(id)))
      .replaceAll(/\b__filename\b/g, path(id));
  },
};

const bundle = await rolldown({
  input: join(ROOT, "packages/cli/dist/main.js"),
  platform: "node",
  external: /^node:/,
  plugins: [places],
});
const { output } = await bundle.generate({ format: "esm" });

// A command that runs now may still load chunks of the bundle before. So they stay for a day, and main.js comes last.
mkdirSync(FOLDER, { recursive: true });
writeFileSync(join(FOLDER, "package.json"), '{ "type": "module" }\n');
for (const { fileName, code } of output) if (fileName !== "main.js") writeFileSync(join(FOLDER, fileName), code);
writeFileSync(`${MAIN}.next`, output.find(({ fileName }) => fileName === "main.js").code);
// What is compiled from here on is newer than the bundle.
utimesSync(`${MAIN}.next`, began, began);
renameSync(`${MAIN}.next`, MAIN);
const current = new Set(["package.json", ...output.map(({ fileName }) => fileName)]);
for (const name of readdirSync(FOLDER)) {
  const isOld = modified(join(FOLDER, name)) < began.getTime() - DAY_MS;
  if (!current.has(name) && isOld) rmSync(join(FOLDER, name), { recursive: true });
}
