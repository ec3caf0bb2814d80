import { createCcspClient } from "@ccsp/client";
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, mkdtempSync } from "node:fs";
const BIN = "/work/wt/trace/packages/cli/bin/ccsp.js";
const { SCRIPTED_ENGINE } = await import("@ccsp/testkit");
const fleets = [];
for (const [name, extra] of [["traces", []], ["no-traces", ["--no-traces"]]]) {
  const dir = mkdtempSync("/tmp/trace-bench-");
  const env = { PATH: process.env.PATH, USER: "t", HOME: dir, CCSP_STATE_DIR: dir, CCSP_CLAUDE_CODE_BIN: SCRIPTED_ENGINE, CCSP_CLAUDE_CODE_API_KEY: "fake" };
  execFileSync(process.execPath, [BIN, "up", "--detach", "--ports", "free", ...extra], { env });
  const fleet = JSON.parse(readFileSync(dir + "/fleet.json"));
  const token = execFileSync(process.execPath, [BIN, "token", "create", "--agent", "t"], { env }).toString().trim();
  const kids = execFileSync("ps", ["--ppid", String(fleet.pid), "-o", "pid="]).toString().trim().split(/\s+/).map(Number);
  fleets.push({ name, dir, env, pid: fleet.pid, kids, client: createCcspClient({ target: fleet.gateway, token }), run: [], submit: [], many: [], cpu: 0 });
}
const cpu = (pid) => { const f = readFileSync(`/proc/${pid}/stat`, "utf8"); const p = f.slice(f.lastIndexOf(")") + 2).split(" "); return (Number(p[11]) + Number(p[12])) * 10; };
const cpus = (f) => [cpu(f.pid), f.kids.reduce((s, k) => s + cpu(k), 0)];
const med = (a) => a.toSorted((x, y) => x - y)[a.length >> 1];
const one = async (f) => { const t = performance.now(); const r = f.client.run({ prompt: "hi" }); await r.result(); return performance.now() - t; };
const sub = async (f) => { const t = performance.now(); await f.client.submit({ prompt: "hi", startTime: new Date(Date.now() + 3600e3) }); return performance.now() - t; };
for (const f of fleets) { for (let i = 0; i < 10; i++) await one(f); for (let i = 0; i < 50; i++) await sub(f); f.start = cpus(f); }
for (let round = 0; round < 8; round++) for (const f of round % 2 ? fleets : fleets.toReversed()) {
  for (let i = 0; i < 12; i++) f.run.push(await one(f));
  for (let i = 0; i < 100; i++) f.submit.push(await sub(f));
  const t = performance.now(); await Promise.all(Array.from({ length: 200 }, () => sub(f))); f.many.push(200 / ((performance.now() - t) / 1000));
}
for (const f of fleets) { const [a, b] = cpus(f); console.log(f.name, "run ms", med(f.run).toFixed(1), "submit ms", med(f.submit).toFixed(2), "submits/s", med(f.many).toFixed(0), "cpu supervisor ms", a - f.start[0], "cpu services ms", b - f.start[1]);
  console.log("  rss MB", Number(readFileSync(`/proc/${f.pid}/status`, "utf8").match(/VmRSS:\s+(\d+)/)[1]) / 1024 | 0); }
for (const f of fleets) { f.client.close(); spawnSync(process.execPath, [BIN, "down"], { env: f.env }); }
