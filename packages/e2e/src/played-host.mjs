// Loaded before an executor, with a folder in its address (`?folder=`). The executor then finds itself in a cgroup that
// bounds it to one processor, in which each of its runs uses the share that the file `cpu-of-run` in this folder names.
// All runs together use one processor at most, as the kernel would have it. What else the machine does is not counted.
// Each look of the executor is a line of the file `looks`.
import childProcess from "node:child_process";
import { appendFileSync, readFileSync } from "node:fs";
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";

const FOLDER = new URL(import.meta.url).searchParams.get("folder") ?? "";
const CGROUP = "/sys/fs/cgroup/played-host";

let [running, usedMs, atMs] = [0, 0, performance.now()];
let looked = { usedMs, atMs };

/** Counts what was used until now. To be called before the number of runs changes. */
function use() {
  const nowMs = performance.now();
  usedMs += (nowMs - atMs) * Math.min(1, running * Number(readFileSync(join(FOLDER, "cpu-of-run"), "utf8")));
  atMs = nowMs;
}

function look() {
  use();
  const share = (usedMs - looked.usedMs) / Math.max(1, atMs - looked.atMs);
  looked = { usedMs, atMs };
  appendFileSync(join(FOLDER, "looks"), `${JSON.stringify({ time: Date.now(), running, share })}\n`);
  return `usage_usec ${Math.round(usedMs * 1_000)}\n`;
}

const files = {
  "/proc/self/cgroup": () => "0::/played-host\n",
  [`${CGROUP}/cpu.max`]: () => "100000 100000\n",
  [`${CGROUP}/cpu.stat`]: look,
  [`${CGROUP}/memory.max`]: () => "1000000000\n",
  [`${CGROUP}/memory.current`]: () => "200000000\n",
  [`${CGROUP}/memory.stat`]: () => "inactive_file 0\n",
};

const { readFile } = fs;
fs.readFile = async (path, ...options) => files[path]?.() ?? readFile(path, ...options);

const { spawn } = childProcess;
childProcess.spawn = (file, args, options) => {
  const child = spawn(file, args, options);
  // The executor marks the processes of its runs.
  if (options?.env?.CCSP_RUN === undefined) return child;
  child.once("spawn", () => {
    use();
    running += 1;
    child.once("exit", () => {
      use();
      running -= 1;
    });
  });
  return child;
};
syncBuiltinESMExports();
