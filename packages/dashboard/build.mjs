// Bundles src/ to dist/web/, as the gateway serves it: index.html, and files whose names have a hash of their content,
// each with its gzip and brotli form beside it. It does nothing when no source has changed since the last build.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompress, gzip } from "node:zlib";
import { build } from "esbuild";

const FOLDER = dirname(fileURLToPath(import.meta.url));
const WEB = join(FOLDER, "dist/web");
const STAMP = join(FOLDER, "dist/web.sources");
/** What a browser loads before it shows the first page, compressed with brotli. The first view must be quick. */
const MAX_FIRST_VIEW_BYTES = 150_000;

const sources = await hashOfSources();
if (existsSync(join(WEB, "index.html")) && (await readFile(STAMP, "utf8").catch(() => "")) === sources) process.exit();

const next = `${WEB}.next`;
await rm(next, { recursive: true, force: true });
await mkdir(next, { recursive: true });
const { outputs } = await bundle(next);
const entry = fileOf(outputs, "src/main.tsx");
const style = fileOf(outputs, "src/style/main.css");
const html = (await readFile(join(FOLDER, "src/index.html"), "utf8"))
  .replace("main.js", basename(entry))
  .replace("main.css", basename(style));
await writeFile(join(next, "index.html"), html);

const sizes = await compressAll(next);
const firstView = ["index.html", style, ...loadedWith(outputs, entry)].map((path) => basename(path));
const bytes = firstView.reduce((sum, name) => sum + (sizes.get(name) ?? 0), 0);
const all = [...sizes.values()].reduce((sum, size) => sum + size, 0);
console.log(`dashboard: first view ${kilobytes(bytes)} compressed, all pages ${kilobytes(all)}`);
if (bytes > MAX_FIRST_VIEW_BYTES) {
  console.error(
    `dashboard: the first view may have ${kilobytes(MAX_FIRST_VIEW_BYTES)}: load something later, with import()`,
  );
  process.exit(1);
}
await rm(WEB, { recursive: true, force: true });
await rename(next, WEB);
await writeFile(STAMP, sources);

async function bundle(outdir) {
  const { metafile } = await build({
    absWorkingDir: FOLDER,
    entryPoints: ["src/main.tsx", "src/style/main.css"],
    entryNames: "[name]-[hash]",
    chunkNames: "[name]-[hash]",
    outdir,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "browser",
    target: ["chrome123", "firefox120", "safari17.5"],
    minify: true,
    metafile: true,
    jsx: "automatic",
    jsxImportSource: "preact",
    logLevel: "warning",
  });
  return metafile;
}

function fileOf(outputs, entryPoint) {
  return Object.keys(outputs).find((path) => outputs[path].entryPoint === entryPoint);
}

/** A file and the files that it imports before it runs. */
function loadedWith(outputs, path, seen = new Set()) {
  if (seen.has(path)) return seen;
  seen.add(path);
  for (const { path: imported, kind } of outputs[path].imports) {
    if (kind === "import-statement") loadedWith(outputs, imported, seen);
  }
  return seen;
}

/** Writes the compressed forms of all files, and answers the size of each file's brotli form. */
async function compressAll(folder) {
  const sizes = new Map();
  for (const name of await readdir(folder)) {
    const content = await readFile(join(folder, name));
    const brotli = await promisify(brotliCompress)(content);
    await writeFile(join(folder, `${name}.br`), brotli);
    await writeFile(join(folder, `${name}.gz`), await promisify(gzip)(content, { level: 9 }));
    sizes.set(name, brotli.length);
  }
  return sizes;
}

async function hashOfSources() {
  const hash = createHash("sha256");
  const files = (await readdir(join(FOLDER, "src"), { recursive: true, withFileTypes: true }))
    .filter((file) => file.isFile() && !file.name.endsWith(".test.ts"))
    .map((file) => join(file.parentPath, file.name))
    .sort();
  for (const path of [join(FOLDER, "build.mjs"), join(FOLDER, "package.json"), ...files]) {
    hash
      .update(path.slice(FOLDER.length))
      .update("\0")
      .update(await readFile(path))
      .update("\0");
  }
  return hash.digest("hex");
}

function kilobytes(bytes) {
  return `${(bytes / 1000).toFixed(1)} kB`;
}
