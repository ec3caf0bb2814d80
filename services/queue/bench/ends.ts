// The queue's own rate of ends, for benchmarks of other services that follow it: `ends.ts <Redis URL>`. It uses the keys
// of the queue in that Redis, and prints a line `ends_per_second <number>`.
import { unlessBrief } from "@ccsp/testkit";
import { inFlight } from "./measure.js";
import { openOurs } from "./ours.js";

const JOBS = unlessBrief(4_000, 100);
const CONCURRENCY = 50;

const ours = await openOurs(process.argv[2] ?? "");
try {
  await inFlight(CONCURRENCY, JOBS, ours.enqueue);
  const start = performance.now();
  await ours.drain(CONCURRENCY, { started: false });
  console.log(`ends_per_second ${((JOBS * 1_000) / (performance.now() - start)).toFixed(1)}`);
} finally {
  await ours.close();
}
