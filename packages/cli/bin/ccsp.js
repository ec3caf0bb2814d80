#!/usr/bin/env node
// This file runs on any Node, so that an older one gets a message that helps.
import { existsSync, statSync } from "node:fs";
import module from "node:module";
import { fileURLToPath } from "node:url";

const at = (path) => new URL(path, import.meta.url);
const modified = (file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
// A checkout has a bundle, which starts faster (.ci/bundle.mjs). It is not used when the command was compiled after it,
// and not for the services in one process, whose plugins load modules from dist/. @ccsp/fleet has the same rule for
// services (service-program.ts), which this file cannot import: it also runs on a Node that is too old.
const bundle = at("../../../.tools/bundles/ccsp/main.js");
const isBundled = !process.argv.includes("--in-process") && modified(bundle) > modified(at("../tsconfig.tsbuildinfo"));
const main = isBundled ? bundle : at("../dist/main.js");
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 15)) {
  process.stderr.write(
    `ccsp: this needs Node 22.15 or newer, and this is Node ${process.versions.node} (${process.execPath})\n`,
  );
  process.exitCode = 1;
} else if (existsSync(main)) {
  // Saves a fifth of the start. Nobody else may write there, so the cache holds nothing foreign. It does nothing where
  // the folder cannot be written.
  module.enableCompileCache(fileURLToPath(at("../../../node_modules/.cache/ccsp")));
  await import(main.href);
} else {
  process.stderr.write("ccsp: this is not built yet: run `make build` in the repository\n");
  process.exitCode = 1;
}
