#!/usr/bin/env node
import { existsSync } from "node:fs";

const main = new URL("../dist/main.js", import.meta.url);
if (existsSync(main)) {
  await import(main.href);
} else {
  process.stderr.write("ccsp is not built yet: run `make build` in the repository, or `npx tsc -b packages/cli`\n");
  process.exitCode = 1;
}
