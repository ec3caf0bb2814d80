import { load } from "@ccsp/config";
import { createPlainSupervisor } from "@ccsp/engine-kit/conformance";
import { hugeText, startSimulator } from "@ccsp/testkit";
import { mkdirSync } from "node:fs";
import { enginePlugin } from "/work/main/packages/engine-opencode/src/index.js";
import { simulatedOpenCode } from "/work/main/packages/engine-opencode/test/opencode.js";
const sim = await startSimulator();
mkdirSync("/tmp/oc/sup", { recursive: true });
const inner = createPlainSupervisor({ folder: "/tmp/oc/sup", silenceMs: 60000 });
const t0 = Date.now();
const supervisor = { start: async (o: any) => { const r = await inner.start(o); const out = r.output; return { ...r, output: (async function* () { for await (const c of out) { if (process.env.RAW) process.stderr.write(`${Date.now() - t0} ${c.toString().slice(0, Number(process.env.RAW))}\n`); yield c; } })() }; } };
const { config } = load({ PATH: process.env.PATH, ...simulatedOpenCode(sim), ...(process.env.TOOLS ? { CCSP_OPENCODE_TOOLS: process.env.TOOLS } : {}) , CCSP_OPENCODE_MAX_RETRIES: process.env.RETRIES ?? "0" }, (s) => enginePlugin.define(s));
const engine = await enginePlugin.open(config, { supervisor: supervisor as any, log: { debug: (...a: any[]) => { try { console.log(JSON.stringify(a)); } catch (e) { console.log((e as Error).stack); } } } as any, onUnknownLine: () => console.log("unknown line"), onUnknownFailure: () => console.log("unknown failure") });
const run = await engine.start({ taskId: "t", fence: 1n, prompt: process.argv[2]!, model: process.env.MODEL ?? "", systemPrompt: process.env.SYS ?? "", limits: { wallMs: 60000, outputBytes: 16e6, turns: undefined, budgetUsd: undefined }, traceparent: "" });
let text = "";
for await (const e of run.events) { if (e.type === "text") text += e.text; console.log(Date.now() - t0, JSON.stringify(e).slice(0, 100)); }
const o: any = await run.outcome;
console.log(Date.now() - t0, JSON.stringify(o).slice(0, 600));

if (o.ok && process.argv[2]!.includes("huge")) { const h = hugeText(5 * 1024 * 1024); console.log(h.length, text.length, o.result.text.length, text === h, o.result.text === h); let i = 0; while (i < h.length && h[i] === text[i]) i++; console.log(i, JSON.stringify(h.slice(i - 20, i + 20)), JSON.stringify(text.slice(i - 20, i + 20))); console.log(JSON.stringify(h.slice(-5)), JSON.stringify(o.result.text.slice(-5))) }
console.log("system has", JSON.stringify(sim.requests.at(-1)?.system.slice(-200)), sim.requests.length, sim.requests.map(r => r.model + r.tools));
await sim.close();
