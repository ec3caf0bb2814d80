#!/usr/bin/env node
// This file runs on any Node, so that an older one gets a message that helps.
import { existsSync } from "node:fs";
import module from "node:module";
import { fileURLToPath } from "node:url";

const at = (path) => new URL(path, import.meta.url);
// A checkout has a bundle, which starts faster (.ci/bundle-command.mjs). `up` may run the services in this process, and
// shares its modules with their plugins and with what `node --import` loaded.
const builds = [...(process.argv[2] === "up" ? [] : [at("../../../.tools/ccsp/main.js")]), at("../dist/main.js")];
const main = builds.find((file) => existsSync(file));
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 15)) {
  process.stderr.write(
    `ccsp: this needs Node 22.15 or newer, and this is Node ${process.versions.node} (${process.execPath})\n`,
  );
  process.exitCode = 1;
} else if (main) {
  // Saves a fifth of the start. Nobody else may write there, so the cache holds nothing foreign. It does nothing where
  // the folder cannot be written.
  module.enableCompileCache(fileURLToPath(at("../../../node_modules/.cache/ccsp")));
  await import(main.href);
} else {
  process.stderr.write("ccsp: this is not built yet: run `make build` in the repository\n");
  process.exitCode = 1;
}
