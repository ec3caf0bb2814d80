// Runs every case with the real CLI and writes what it printed: node --import tsx --conditions ccsp-src test/record.ts
// [name…]
import { mkdir, writeFile } from "node:fs/promises";
import { record } from "@ccsp/engine-kit/conformance";
import { startSimulator } from "@ccsp/testkit";
import { enginePlugin } from "../src/index.js";
import { CASES } from "./cases.js";
import { simulatedOpenCode } from "./opencode.js";

const wanted = process.argv.slice(2);
const simulator = await startSimulator();
const env = { ...simulatedOpenCode(simulator), CCSP_OPENCODE_MAX_RETRIES: "1" };
for (const one of CASES.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
  const { version, recording, outcome } = await record(one, { plugin: enginePlugin, env });
  const folder = new URL(`../recordings/${version}/`, import.meta.url);
  await mkdir(folder, { recursive: true });
  await writeFile(new URL(`${one.name}.jsonl`, folder), recording);
  console.log(one.name, outcome.ok ? outcome.result.text : `${outcome.failure.category}: ${outcome.failure.message}`);
}
await simulator.close();
