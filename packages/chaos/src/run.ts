import { execFile } from "node:child_process";
import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createRandom } from "@ccsp/e2e-kit/random.js";
import type { GetStatusResponse } from "@ccsp/protos/ccsp/queue/v1/status.js";
import { type AgentsRecord, startAgents } from "./agents.js";
import { readEvents, readTasks, type TaskFacts } from "./evidence.js";
import { type Chaos, startChaos } from "./faults.js";
import type { Entry } from "./journal.js";
import { findViolations, unexpectedAnswers, type Violation } from "./proof.js";
import { startWorld, type World, type WorldOptions } from "./world.js";

export interface ChaosOptions extends WorldOptions {
  readonly tasks: number;
  /** How long faults are caused, in ms. Tasks are submitted during most of this time. */
  readonly chaosMs: number;
  /** The average time between two faults, in ms. */
  readonly faultEveryMs: number;
  /** How long all tasks may then take to end, in ms. */
  readonly drainMs: number;
  readonly watchedShare: number;
  readonly print: (line: string) => void;
  readonly stop: AbortSignal;
}

export interface ChaosResult {
  readonly violations: readonly Violation[];
  readonly counts: Readonly<Record<string, number>>;
}

const PROGRESS_MS = 10_000;
/** The rest of the time is for tasks that are retried. */
const SUBMIT_SHARE = 0.8;

/**
 * Runs everything: load and faults, then a time without faults, then the proof. Leaves nothing behind. If `stop`
 * aborts, it throws and leaves nothing behind either.
 */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const world = await startWorld(options);
  try {
    return await run(world, options);
  } finally {
    await world.close();
  }
}

async function run(world: World, options: ChaosOptions): Promise<ChaosResult> {
  const { tasks, chaosMs, redis, seed, stop, print, watchedShare } = options;
  const over = new AbortController();
  // Each open task adds a listener to this signal.
  setMaxListeners(0, over.signal);
  stop.addEventListener("abort", () => over.abort(), { once: true });
  const agents = startAgents({
    openQueue: world.openAgentsQueue,
    tasks,
    spreadMs: chaosMs * SUBMIT_SHARE,
    watchedShare,
    stop: over.signal,
    random: createRandom(`${seed}/agents`),
  });
  const chaos = startChaos(world, { everyMs: options.faultEveryMs, random: createRandom(`${seed}/faults`) });
  const progress = startProgress(world, () => line(agents.record, chaos), print);
  const found: Violation[] = [];
  try {
    await sleep(chaosMs, undefined, { signal: stop });
    await chaos.stop();
    await chaos.causeRest();
    print("no more faults: waiting for the end of every task");
    found.push(...(await drained(world, agents.done, options)));
  } finally {
    over.abort();
    progress.stop();
    await Promise.all([chaos.stop(), agents.done]);
  }

  print("reading every log, the events and the indexes");
  for (const executor of world.executors) await executor.stop();
  const journal = await world.journal();
  stop.throwIfAborted();
  const facts = await readTasks(world.openQueue);
  stop.throwIfAborted();
  const redisUrl = await world.storage.currentUrl();
  const events = await readEvents(redisUrl);
  found.push(
    ...findViolations({ agents: agents.record, tasks: facts, journal, failedOver: redis !== "standalone", ...events }),
    ...unexpectedAnswers(journal, agents.record.unexpected),
    ...crashes(world),
    ...(await brokenInvariants(redisUrl)),
  );
  for (const [what, { count, first }] of world.complaints) print(`replicas logged ${count} × ${what}; first: ${first}`);
  return { violations: found, counts: count({ record: agents.record, chaos, facts, journal }) };
}

/** Waits until all tasks were accepted, watched and ended. */
async function drained(world: World, done: Promise<void>, { drainMs, stop }: ChaosOptions): Promise<Violation[]> {
  const queue = world.openQueue();
  const until = performance.now() + drainMs;
  let left = "";
  let agentsDone = false;
  void done.finally(() => {
    agentsDone = true;
  });
  try {
    while (performance.now() < until) {
      const status = await queue.getStatus({}).catch(() => undefined);
      const unended = status && waitingIn(status) + status.leased + status.parked;
      if (unended === 0n && agentsDone) return [];
      left = `${unended ?? "unknown"} tasks not ended, agents ${agentsDone ? "are done" : "still submit or watch"}`;
      await sleep(200, undefined, { signal: stop });
    }
    return [{ what: `not everything ended within ${drainMs} ms`, task: "", evidence: left }];
  } finally {
    queue.close();
  }
}

const waitingIn = ({ depths }: GetStatusResponse): bigint => depths.reduce((sum, { waiting }) => sum + waiting, 0n);

function crashes({ replicas, executors }: World): Violation[] {
  return [...replicas, ...executors].flatMap((part) =>
    part.crashes.map((evidence) => ({ what: "a process crashed", task: "", evidence })),
  );
}

const INVARIANTS = fileURLToPath(new URL("../../../services/queue/test/check-invariants.ts", import.meta.url));

/**
 * Runs the queue's own check of its indexes in Redis. It is a separate process, because nothing here may know the
 * queue's keys.
 */
async function brokenInvariants(redisUrl: string): Promise<Violation[]> {
  const args = ["--import", "tsx", "--conditions", "ccsp-src", INVARIANTS, redisUrl];
  try {
    await promisify(execFile)(process.execPath, args, { env: {}, maxBuffer: 64 * 1024 * 1024 });
    return [];
  } catch (error) {
    return [{ what: "the queue's invariants do not hold", task: "", evidence: String(error).slice(0, 4_000) }];
  }
}

function startProgress(world: World, more: () => string, print: (line: string) => void) {
  const queue = world.openQueue();
  const started = performance.now();
  const tell = async (): Promise<void> => {
    const status = await queue.getStatus({}, { timeoutMs: 2_000 }).catch(() => undefined);
    const shown = status
      ? `ended ${status.ended}, waiting ${waitingIn(status)}, leased ${status.leased}, parked ${status.parked}`
      : "the queue does not answer";
    print(`${Math.round((performance.now() - started) / 1_000)} s: ${shown}; ${more()}`);
  };
  const timer = setInterval(() => void tell(), PROGRESS_MS);
  return {
    stop() {
      clearInterval(timer);
      queue.close();
    },
  };
}

function line({ accepted, retries, resumes }: AgentsRecord, { counts }: Chaos): string {
  const faults = [...counts.values()].reduce((sum, each) => sum + each, 0);
  return `accepted ${accepted.size}, faults ${faults}, agents' retries ${retries}, watches resumed ${resumes}`;
}

function count(seen: {
  record: AgentsRecord;
  chaos: Chaos;
  facts: ReadonlyMap<string, TaskFacts>;
  journal: readonly Entry[];
}): Record<string, number> {
  const { record, chaos, facts, journal } = seen;
  const entries = (pick: (entry: Entry) => boolean): number => journal.filter(pick).length;
  const ended = (state: string): number => [...facts.values()].filter((task) => task.state === state).length;
  const completes = journal.filter(({ what }) => what === "completed");
  return {
    accepted: record.accepted.size,
    succeeded: ended("SUCCEEDED"),
    failed: ended("FAILED"),
    cancelled: ended("CANCELLED"),
    leases: entries(({ what }) => what === "leased"),
    attempts: [...facts.values()].reduce((sum, { attempt }) => sum + attempt, 0),
    ...Object.fromEntries(chaos.counts),
    "calls of agents made again": record.retries,
    "calls of executors made again": entries(({ what }) => what === "retried"),
    "Enqueue repeated after its answer": record.repeats,
    "Complete answered again": completes.length - new Set(completes.map(({ task, fence }) => `${task} ${fence}`)).size,
    "calls with an old fence refused": entries(({ what }) => what === "refused"),
    "logs watched to their end": record.watched.size,
    "watches resumed": record.resumes,
    "cancels asked": record.cancels,
  };
}
