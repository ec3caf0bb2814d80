// `make chaos`, see docs/testing.md. The exit code is 0 if every promise held, 1 with the evidence if not, and 130 on
// Ctrl-C.
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { groupBy } from "./proof.js";
import { runChaos } from "./run.js";
import { isRedisKind } from "./world.js";

const HELP = `Usage: chaos [options]

Runs tasks through 4 queue replicas and 8 scripted executors while processes are killed and paused, links are cut and
Redis is restarted, and then proves that every accepted task has exactly one committed result.

  --tasks N      tasks to submit (10000)
  --minutes M    how long faults are caused; the proof runs after that (4)
  --seed S       chooses the faults and the actions of executors; their times still differ in each run (random)
  --redis KIND   standalone (default); sentinel: a master, two replicas, three Sentinels; or cluster: three masters with a
                 replica each, and four shards. The last two have failovers and use CCSP_QUEUE_DURABILITY=replicated
  --help         this text
`;

const SHOWN = 5;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      tasks: { type: "string", default: "10000" },
      minutes: { type: "string", default: "4" },
      seed: { type: "string", default: String(randomInt(1e9)) },
      redis: { type: "string", default: "standalone" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const [tasks, minutes, { seed, redis }] = [Number(values.tasks), Number(values.minutes), values];
  if (!(Number.isInteger(tasks) && tasks > 0 && minutes > 0) || !isRedisKind(redis)) {
    process.stderr.write(`--tasks and --minutes are positive numbers, --redis is standalone, sentinel or cluster\n`);
    return 2;
  }

  const stop = new AbortController();
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  let stoppedAt: number | undefined;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      // The same signal can arrive twice at once: for the process and for its group.
      if (stoppedAt !== undefined && performance.now() - stoppedAt > 1_000) process.exit(130);
      if (stoppedAt === undefined) print("stopping; again to stop at once, which leaves temporary folders");
      stoppedAt ??= performance.now();
      stop.abort();
    });
  }
  const started = performance.now();
  print(`seed ${seed}: ${tasks} tasks, ${minutes} minutes of faults, Redis ${redis}`);
  try {
    const { violations, counts } = await runChaos({
      tasks,
      seed,
      redis,
      replicas: 4,
      executors: 8,
      chaosMs: minutes * 60_000,
      faultEveryMs: 1_000,
      drainMs: 90_000,
      watchedShare: 0.1,
      print,
      stop: stop.signal,
    });
    for (const [what, number] of Object.entries(counts)) print(`${String(number).padStart(7)}  ${what}`);
    for (const [what, found] of groupBy(violations, (violation) => violation.what)) {
      print(`VIOLATION ${found.length} × ${what}`);
      for (const { task, evidence } of found.slice(0, SHOWN)) print(`  ${task} ${evidence}`);
    }
    print(`seed ${seed}, ${Math.round((performance.now() - started) / 1_000)} s, ${violations.length} violations`);
    return violations.length === 0 ? 0 : 1;
  } catch (error) {
    if (stop.signal.aborted) return 130;
    throw error;
  }
}

process.exitCode = await main();
