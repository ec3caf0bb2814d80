// Runs every case with the real CLI and writes its output: node --import tsx --conditions ccsp-src test/record.ts
// [name…]
import { mkdir, writeFile } from "node:fs/promises";
import type { ConversationTurn, EngineRun } from "@ccsp/engine-kit";
import { record } from "@ccsp/engine-kit/conformance";
import { eventually, simulatedEngine, startSimulator } from "@ccsp/testkit";
import { enginePlugin } from "../src/engines/claude-code/index.js";
import { CASES, type Case } from "./recording-cases.js";

/** More answers than the CLI asks for in one run. */
const ANSWERS = 10;

const wanted = process.argv.slice(2);
const simulator = await startSimulator();
const env = { ...simulatedEngine(simulator), CCSP_CLAUDE_CODE_MAX_RETRIES: "0" };

for (const one of CASES.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
  simulator.reset();
  const { answers } = one;
  if (answers) simulator.script("kind" in answers ? Array.from({ length: ANSWERS }, () => answers) : answers);
  const during = (run: EngineRun) => interrupt(run, one);
  const request = one.after === undefined ? one.request : { ...one.request, conversation: await lived(one, one.after) };
  const { version, recording, outcome } = await record({ ...one, request }, { plugin: enginePlugin, env, during });
  const folder = new URL(`recordings/${version}/`, import.meta.url);
  await mkdir(folder, { recursive: true });
  await writeFile(new URL(`${one.name}.jsonl`, folder), recording.split("\n").map(shortened).join("\n"));
  console.log(one.name, outcome.ok ? outcome.result.text : `${outcome.failure.category}: ${outcome.failure.message}`);
}
await simulator.close();

/** The conversation that an earlier run leaves. */
async function lived({ name, request }: Case, prompt: string): Promise<ConversationTurn> {
  const first = { name, prompt, request: { ...request, conversation: { from: undefined, fork: false } } };
  const { outcome } = await record(first, { plugin: enginePlugin, env });
  if (!outcome.ok || !outcome.result.transcript) throw new Error(`${name}: the run before left nothing`);
  return { from: { id: outcome.result.conversationId, transcript: outcome.result.transcript }, fork: false };
}

async function interrupt({ pid }: EngineRun, { signal }: Case): Promise<void> {
  if (!signal) return;
  const asked = () => {
    if (!simulator.requests.some(({ path }) => path === "/v1/messages")) throw new Error("asks nothing");
  };
  await eventually(asked, { timeoutMs: 30_000 });
  process.kill(-pid, signal);
}

/**
 * Keeps only the fields of the first line that the reader uses. The rest lists all tools, commands and folders that the
 * CLI has.
 */
function shortened(text: string): string {
  const line: unknown = text.startsWith("{") ? JSON.parse(text) : undefined;
  if (typeof line !== "object" || line === null || !("subtype" in line) || line.subtype !== "init") return text;
  const kept = ["type", "subtype", "session_id", "model", "claude_code_version", "apiKeySource"];
  return JSON.stringify(Object.fromEntries(Object.entries(line).filter(([name]) => kept.includes(name))));
}
