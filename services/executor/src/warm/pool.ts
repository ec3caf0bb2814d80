import type { RunOptions, SupervisedRun, Supervisor } from "@ccsp/engine-kit";
import type { Logger } from "pino";
import type { Clock } from "../domain/clock.js";
import type { WarmProcesses } from "../domain/warm.js";
import type { Launcher } from "../supervision/supervisor.js";
import type { WarmConfig } from "./config.js";
import { createDemand } from "./demand.js";
import { createSetbacks } from "./setbacks.js";
import { createWaitingProcesses, type Kind, type WarmMetrics } from "./waiting.js";

export interface WarmPoolOptions extends WarmConfig {
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
/** A cold start has the processors for itself for so long, and a run that got a waiting process until its first words. */
const BUSY_MS = { cold: 1_500, warm: 250 };

export function createWarmPool({
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
  let busyUntil = 0;
  /** The most that one had, which the next one may need. */
  let largestBytes = 0;
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

  const endAll = () => {
    for (const one of waiting.all()) waiting.end(one, "off");
  };

  /** Ends what is too old, is not wanted any more, or takes too much. Answers the memory that the others have. */
  function prune(wanted: ReadonlyMap<string, number>): number {
    const now = clock.now();
    const kept = new Map<string, number>();
    let bytes = 0;
    // Keys that were used last come first, and in each the youngest: what is over a bound is the rest.
    const order = [...wanted.keys()];
    const rank = ({ kind }: { readonly kind: Kind }) => (wanted.has(kind.key) ? order.indexOf(kind.key) : order.length);
    for (const one of waiting
      .all()
      .toReversed()
      .toSorted((a, b) => rank(a) - rank(b))) {
      const { key } = one.kind;
      const many = (kept.get(key) ?? 0) + 1;
      const own = one.process.memoryBytes();
      largestBytes = Math.max(largestBytes, own);
      if (now - one.since >= maxAgeMs) waiting.end(one, "age");
      else if (many > (wanted.get(key) ?? 0)) waiting.end(one, "unwanted");
      else if (bytes + own > memoryBytes) waiting.end(one, "memory");
      else {
        kept.set(key, many);
        bytes += own;
      }
    }
    return bytes;
  }

  /** The kind that lacks a process and has the fewest. */
  function lacking(wanted: ReadonlyMap<string, number>): Kind | undefined {
    const has = (key: string) => waiting.all().filter(({ kind }) => kind.key === key).length;
    const [first] = [...wanted]
      .filter(([key, many]) => has(key) < many && setbacks.passed(key, clock.now()))
      .toSorted(([a], [b]) => has(a) - has(b));
    return first && kinds.get(first[0]);
  }

  /** Answers how long to wait until the next step; undefined: there is nothing to be done any more. */
  async function step(): Promise<number | undefined> {
    const wanted = demand.wanted(clock.now());
    const bytes = prune(wanted);
    const kind = lacking(wanted);
    if (kind === undefined) return wanted.size + waiting.all().length > 0 ? LOOK_MS : undefined;
    if (bytes + largestBytes > memoryBytes) return LOOK_MS;
    if (clock.now() >= busyUntil) {
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
      else if (isAllowed()) pauseMs = await step();
    }
    keeping = false;
  }

  function forget(key: string): void {
    kinds.delete(key);
    setbacks.clear(key);
  }

  async function start(engine: string, options: RunOptions): Promise<SupervisedRun> {
    const { warmKey, command, prepare } = options;
    const now = clock.now();
    const process = warmKey === undefined ? undefined : waiting.take(keyOf(engine, warmKey), now - maxAgeMs);
    const how = process ? "warm" : "cold";
    busyUntil = Math.max(busyUntil, now + BUSY_MS[how]);
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
