#!/usr/bin/env node
// Starts the model simulator by hand. It needs a build, or: node --import tsx --conditions ccsp-src.
import { parseArgs } from "node:util";
import { startSimulator } from "@ccsp/testkit";

const { values } = parseArgs({ options: { port: { type: "string", default: "8787" }, help: { type: "boolean" } } });
if (values.help) {
  console.log(
    "usage: simulator.mjs [--port 8787]\nAn Anthropic Messages API on 127.0.0.1; packages/testkit/README.md lists the markers.",
  );
  process.exit(0);
}
const simulator = await startSimulator({ port: Number(values.port) });
console.log(`model simulator: ANTHROPIC_BASE_URL=${simulator.url} ANTHROPIC_API_KEY=any`);
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => void simulator.close());
