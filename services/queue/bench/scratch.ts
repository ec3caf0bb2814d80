import { execSync, spawn } from "node:child_process";
import { startRedis } from "@ccsp/fleet";
import { Redis } from "ioredis";
import { inFlight } from "./measure.js";
import { openOurs } from "./ours.js";

const redis = await startRedis({ args: process.env.AOF ? ["--appendonly", "yes", "--appendfsync", "everysec"] : [] });
const client = new Redis(redis.url);
const ours = await openOurs(redis.url);
const pid = Number(/process_id:(\d+)/.exec(await client.info("server"))?.[1]);
const N = 8000;
const cpu = async () => {
  const i = await client.info("cpu");
  return Number(/used_cpu_user:([\d.]+)/.exec(i)![1]) + Number(/used_cpu_sys:([\d.]+)/.exec(i)![1]);
};
let perf;
let red = 0,
  node = 0,
  n = 0,
  wall = 0;
for (let round = 0; round < Number(process.env.ROUNDS ?? 6); round++) {
  await client.flushall();
  await inFlight(50, N, ours.enqueue);
  if (round === 1 && process.env.PERF)
    perf = spawn("perf", ["record", "-g", "-F", "2000", "-p", String(pid), "-o", "/tmp/p/perf.data"], {
      stdio: "ignore",
    });
  await client.config("RESETSTAT");
  const c0 = await cpu(),
    u0 = process.cpuUsage(),
    t0 = performance.now();
  await ours.drain(50, { started: !!process.env.STARTED });
  const c1 = await cpu(),
    u1 = process.cpuUsage(u0),
    t1 = performance.now();
  if (round > 0) {
    red += c1 - c0;
    node += (u1.user + u1.system) / 1e6;
    n += N;
    wall += t1 - t0;
  }
}
if (perf) {
  perf.kill("SIGINT");
  await new Promise((r) => perf.on("exit", r));
}
console.log(
  `redis ${((red / n) * 1e6).toFixed(1)} us, node ${((node / n) * 1e6).toFixed(1)} us, ${((n / wall) * 1000).toFixed(0)}/s`,
);
if (process.env.STATS)
  console.log(
    execSync(`true`).toString(),
    (await client.info("commandstats"))
      .split("\r\n")
      .map((l) => {
        const m = /cmdstat_([^:]+):calls=(\d+),usec=(\d+),usec_per_call=([\d.]+)/.exec(l);
        return m
          ? ([
              Number(m[3]) / N,
              `${m[1]} calls/job ${(Number(m[2]) / N).toFixed(2)} us/job ${(Number(m[3]) / N).toFixed(2)}`,
            ] as const)
          : ([0, ""] as const);
      })
      .sort((a, b) => b[0] - a[0])
      .slice(0, 22)
      .map(([, s]) => s)
      .join("\n"),
  );
await ours.close();
client.disconnect();
await redis.stop();
