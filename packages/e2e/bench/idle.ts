// `make bench-idle`: what a fleet that does nothing takes, as five processes and as one (`ccsp up --single`): the time
// until `ccsp up --detach` returns, the memory of each process after half a minute, and its processor time in a minute.

import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { unlessBrief } from "@ccsp/testkit";
import { readStat } from "./steady-calls.js";

const COMMAND = fileURLToPath(new URL("../../cli/bin/ccsp.js", import.meta.url));
const SETTLE_MS = unlessBrief(30_000, 100);
const IDLE_MS = unlessBrief(60_000, 500);
interface Usage {
  readonly name: string;
  /** A page that n processes share counts as its n-th part (PSS), so that the sum is what the fleet takes. */
  readonly memoryMb: number;
  readonly cpuMs: number;
}

const five = await measure("five processes", []);
const single = await measure("one process", ["--single"]);
console.log(`ratio single_vs_five_memory ${(single.memoryMb / five.memoryMb).toFixed(2)}`);
console.log(`ratio single_vs_five_cpu_idle ${(single.cpuMs / five.cpuMs).toFixed(2)}`);
console.log(`ratio single_vs_five_start ${(single.startMs / five.startMs).toFixed(2)}`);

/** Starts a fleet, prints what each of its processes takes, stops it, and returns the sums. */
async function measure(form: string, options: readonly string[]) {
  const dir = await mkdtemp(join(tmpdir(), "ccsp-idle-"));
  const env = { PATH: process.env["PATH"] ?? "", HOME: dir, CCSP_STATE_DIR: dir };
  const ccsp = (...args: readonly string[]) => promisify(execFile)(process.execPath, [COMMAND, ...args], { env });
  try {
    const began = performance.now();
    const { stdout } = await ccsp("up", "--detach", "--simulator", "--ports", "free", "-o", "json", ...options);
    const startMs = performance.now() - began;
    const { pid }: { pid: number } = JSON.parse(stdout);
    await delay(SETTLE_MS);
    const before = await usageOf(pid);
    await delay(IDLE_MS);
    const after = await usageOf(pid);
    console.log(`${form}: ready after ${(startMs / 1_000).toFixed(1)} s`);
    let [memoryMb, cpuMs] = [0, 0];
    for (const [id, { name, ...now }] of after) {
      const spentMs = now.cpuMs - (before.get(id)?.cpuMs ?? 0);
      memoryMb += now.memoryMb;
      cpuMs += spentMs;
      console.log(`  ${name.padEnd(14)} ${now.memoryMb.toFixed(0).padStart(4)} MB  ${spentMs} ms of processor`);
    }
    console.log(`  ${"together".padEnd(14)} ${memoryMb.toFixed(0).padStart(4)} MB  ${cpuMs} ms of processor`);
    return { startMs, memoryMb, cpuMs };
  } finally {
    await ccsp("down");
    await rm(dir, { recursive: true, force: true });
  }
}

/** A process and all that it has started, by their ids. */
async function usageOf(root: number): Promise<ReadonlyMap<number, Usage>> {
  const all = new Map<number, { readonly parent: number; readonly usage: Usage }>();
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number)) {
    const read = (file: string) => readFile(`/proc/${pid}/${file}`, "utf8");
    // A process may end while it is read.
    const found = await Promise.all([readStat(pid), read("smaps_rollup"), read("cmdline")]).catch(() => undefined);
    if (found === undefined) continue;
    const [{ parent, cpuMs }, memory, line] = found;
    const memoryMb = Number(/^Pss:\s+(\d+)/m.exec(memory)?.[1] ?? 0) / 1_024;
    all.set(pid, { parent, usage: { name: nameOf(line), memoryMb, cpuMs } });
  }
  const isBelow = (pid: number): boolean => {
    const parent = all.get(pid)?.parent;
    return pid === root || (parent !== undefined && parent > 1 && isBelow(parent));
  };
  return new Map([...all].flatMap(([pid, { usage }]) => (isBelow(pid) ? [[pid, usage]] : [])));
}

function nameOf(commandLine: string): string {
  const service = /(?:bundles|services)\/(\w+)\//.exec(commandLine)?.[1];
  if (service !== undefined) return service;
  if (commandLine.includes("--background")) return "supervisor";
  return basename(commandLine.split(/[\0 ]/, 1)[0] ?? "");
}
