#!/usr/bin/env node
// This file runs on any Node, so that an older one gets a message that helps.
import { existsSync } from "node:fs";

const main = new URL("../dist/main.js", import.meta.url);
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 15)) {
  process.stderr.write(
    `ccsp needs Node 22.15 or newer, and this is Node ${process.versions.node} (${process.execPath})\n`,
  );
  process.exitCode = 1;
} else if (existsSync(main)) {
  await import(main.href);
} else {
  process.stderr.write("ccsp is not built yet: run `make build` in the repository, or `npx tsc -b packages/cli`\n");
  process.exitCode = 1;
}
