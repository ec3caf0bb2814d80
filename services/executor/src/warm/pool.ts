import type { RunOptions, SupervisedRun, Supervisor } from "@ccsp/engine-kit";
import type { Logger } from "pino";
import type { Clock } from "../domain/clock.js";
import type { WarmProcesses } from "../domain/warm.js";
import type { Launcher } from "../supervision/supervisor.js";
import type { WarmConfig } from "./config.js";
import { createDemand } from "./demand.js";
import { createSetbacks } from "./setbacks.js";
import { judge } from "./verdict.js";
import { createWaitingProcesses, type Kind, type WarmMetrics } from "./waiting.js";

export interface WarmPoolOptions extends WarmConfig {
  /** Starts at once that do not slow each other: one for each processor. */
  readonly startsAtOnce: number;
  readonly launcher: Launcher;
  readonly metrics: WarmMetrics;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Processes that were started before there was a run for them. Each serves one run of the key that it was started for; others are started in the
 * background. A run for which none waits is started as if there were no pool.
 */
export interface WarmPool extends WarmProcesses {
  /** The supervisor that one engine is given. */
  readonly of: (engine: string) => Supervisor;
}

/** A start takes half a second of processor time: no more than half a core goes into those that nobody waits for. */
const PACE_MS = 1_000;
/** Between two looks at ages and memory, when nothing is to be started. */
const LOOK_MS = 5_000;
/** For so long a cold start keeps a processor busy, and a run that got a waiting process until its first words. */
const BUSY_MS = { cold: 1_500, warm: 250 };

export function createWarmPool({
  startsAtOnce,
  launcher,
  metrics,
  clock,
  log,
  count,
  memoryBytes,
  maxAgeMs,
}: WarmPoolOptions): WarmPool {
  const demand = createDemand({ count, windowMs: maxAgeMs });
  const kinds = new Map<string, Kind>();
  const setbacks = createSetbacks();
  const waiting = createWaitingProcesses(metrics, (kind) => {
    log.warn({ engine: kind.engine }, "a process died while it waited for a run");
    setbacks.add(kind.key, clock.now());
  });
  let allowed = true;
  /** When each of the latest runs will have started. */
  let starting: readonly number[] = [];
  /** What the processes of each key had at the last look at one. */
  const sizes = new Map<string, number>();
  let names = 0;
  let launching: Promise<void> | undefined;
  let keeping = false;
  /** Ends the wait under way, which is a long one while it rests. */
  let wake = new AbortController();
  let resting = false;

  async function launch(kind: Kind): Promise<void> {
    const since = clock.now();
    try {
      const process = await launcher.launch({ ...kind.start, run: `warm-${++names}:0`, traceparent: "" });
      waiting.add({ kind, process, since });
    } catch (err) {
      log.warn({ err, engine: kind.engine }, "no process could be started to wait for a run");
      setbacks.add(kind.key, clock.now());
    }
    if (!allowed) endAll();
  }

  const isAllowed = () => allowed;

  const startingNow = () => starting.filter((untilMs) => untilMs > clock.now());

  const endAll = () => {
    for (const one of waiting.all()) waiting.end(one, "off");
  };

  /** The kind that lacks a process and has the fewest, of those whose next one is likely to fit. */
  function lacking(wanted: ReadonlyMap<string, number>, freeBytes: number): Kind | undefined {
    const has = (key: string) => waiting.all().filter(({ kind }) => kind.key === key).length;
    const [first] = [...wanted]
      .filter(([key, many]) => has(key) < many && (sizes.get(key) ?? 0) <= freeBytes)
      .filter(([key]) => setbacks.passed(key, clock.now()))
      .toSorted(([a], [b]) => has(a) - has(b));
    return first && kinds.get(first[0]);
  }

  /** Answers how long to wait until the next step; undefined: there is nothing to be done any more. */
  async function step(): Promise<number | undefined> {
    const wanted = demand.wanted(clock.now());
    const verdict = judge(waiting.all(), wanted, { nowMs: clock.now(), maxAgeMs, memoryBytes });
    for (const { one, why } of verdict.ends) waiting.end(one, why);
    for (const [key, bytes] of verdict.sizes) sizes.set(key, bytes);
    const kind = lacking(wanted, memoryBytes - verdict.bytes);
    if (kind === undefined) return wanted.size + waiting.all().length > 0 ? LOOK_MS : undefined;
    if (startingNow().length < startsAtOnce) {
      launching = launch(kind);
      await launching;
      launching = undefined;
    }
    return PACE_MS;
  }

  async function keep(): Promise<void> {
    if (keeping) return;
    keeping = true;
    let pauseMs: number | undefined = PACE_MS;
    while (pauseMs !== undefined && isAllowed()) {
      wake = new AbortController();
      resting = pauseMs > PACE_MS;
      await clock.wait(pauseMs, wake.signal);
      if (wake.signal.aborted) pauseMs = PACE_MS;
      else if (isAllowed()) pauseMs = await step().catch(unexpected);
    }
    keeping = false;
  }

  /** Runs go on without them. */
  function unexpected(err: unknown): number {
    log.error({ err }, "waiting processes could not be looked after");
    return LOOK_MS;
  }

  function forget(key: string): void {
    kinds.delete(key);
    sizes.delete(key);
    setbacks.clear(key);
  }

  async function start(engine: string, options: RunOptions): Promise<SupervisedRun> {
    const { warmKey, command, prepare } = options;
    const now = clock.now();
    const process = warmKey === undefined ? undefined : waiting.take(keyOf(engine, warmKey), now - maxAgeMs);
    const how = process ? "warm" : "cold";
    starting = [...startingNow(), now + BUSY_MS[how]];
    if (warmKey !== undefined && count > 0) {
      metrics.started(engine, how);
      const key = keyOf(engine, warmKey);
      kinds.set(key, { key, engine, start: { command, prepare } });
      for (const old of demand.used(key, now)) forget(old);
      if (process) setbacks.clear(key);
      if (resting) wake.abort();
      if (allowed) void keep();
    }
    if (process === undefined) return await launcher.start(options);
    log.debug({ engine, run: options.run, pid: process.pid }, "a process that waited serves a run");
    return process.use({ ...options, waited: true });
  }

  return {
    of: (engine) => ({ start: (options) => start(engine, options) }),
    waiting: waiting.of,
    processes: () => waiting.all().length + waiting.ending() + (launching ? 1 : 0),
    async allow(now) {
      allowed = now;
      wake.abort();
      if (now) {
        void keep();
        return;
      }
      endAll();
      await launching;
      await waiting.ended();
    },
  };
}

const keyOf = (engine: string, warmKey: string): string => `${engine} ${warmKey}`;
