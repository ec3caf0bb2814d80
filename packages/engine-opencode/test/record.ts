// Runs every case with the real CLI and writes what it printed: node --import tsx --conditions ccsp-src test/record.ts [name…]
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { load } from "@ccsp/config";
import type { RunRequest, Supervisor } from "@ccsp/engine-kit";
import { createPlainSupervisor } from "@ccsp/engine-kit/conformance";
import { type Simulator, startSimulator } from "@ccsp/testkit";
import { defineOpenCode } from "../src/config.js";
import { createOpenCode } from "../src/engine.js";
import { CASES, type Case } from "./cases.js";
import { OPENCODE_BIN, simulatedOpenCode } from "./opencode.js";

const WALL_MS = 60_000;

const simulator = await startSimulator();
const dir = await mkdtemp(join(tmpdir(), "ccsp-record-"));
const wanted = process.argv.slice(2);
for (const one of CASES.filter(({ name }) => wanted.length === 0 || wanted.includes(name)))
  await record(one, simulator);
await simulator.close();
await rm(dir, { recursive: true });

async function record({ name, prompt, model = "", env = {}, declared }: Case, { url }: Simulator): Promise<void> {
  const settings = { ...simulatedOpenCode({ url }), CCSP_OPENCODE_MAX_RETRIES: "1", ...env };
  const { config } = load(settings, defineOpenCode);
  const output: Buffer[] = [];
  let exit = "";
  const plain = createPlainSupervisor({ folder: dir, silenceMs: WALL_MS });
  const supervisor: Supervisor = {
    async start(options) {
      const run = await plain.start(options);
      const exited = run.exited.then((ended) => {
        const { code, signal, stderr } = ended;
        exit = JSON.stringify({ type: "exit", code, signal, stderr });
        return ended;
      });
      return { ...run, exited, output: kept(run.output) };
    },
  };
  async function* kept(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      output.push(chunk);
      yield chunk;
    }
  }
  const context = { supervisor, log: { debug() {} }, onUnknownLine() {}, onUnknownFailure() {} };
  const profile = { ...config, declared: Object.fromEntries((declared ?? "").split("\n").flatMap(pair)) };
  const engine = createOpenCode({ bin: OPENCODE_BIN, profile, context: context as never });
  const request = { taskId: name, fence: 1n, prompt, model, systemPrompt: "", files: [], traceparent: "" };
  const limits = { wallMs: WALL_MS, outputBytes: 1e7, turns: undefined, budgetUsd: undefined };
  const version = await engine.version();
  output.length = 0;
  const run = await engine.start({ ...request, limits } as unknown as RunRequest);
  for await (const _event of run.events);
  const outcome = await run.outcome;
  const folder = new URL(`../recordings/${version}/`, import.meta.url);
  await mkdir(folder, { recursive: true });
  // No path of the host that recorded it.
  const text = Buffer.concat(output)
    .toString("utf8")
    .replaceAll(/[^\s"]*ccsp-record-[^/"]*\/run-[^/"]*/g, "/run");
  await writeFile(new URL(`${name}.jsonl`, folder), `${text.trimEnd()}\n${exit}\n`);
  console.log(name, outcome.ok ? outcome.result.text : `${outcome.failure.category}: ${outcome.failure.message}`);
}

function pair(line: string): [string, string][] {
  const at = line.indexOf("=");
  return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1)]];
}
