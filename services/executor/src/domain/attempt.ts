import {
  type Engine,
  type EngineRun,
  type RunFailure,
  type RunOutcome,
  type RunRequest,
  type RunResources,
  runFailure,
  type Severity,
} from "@ccsp/engine-kit";
import type { Logger } from "pino";
import type { Admission, Admit } from "./admission.js";
import type { Clock } from "./clock.js";
import type { Conversations } from "./conversations.js";
import type { Hooks } from "./hooks/hooks.js";
import { persist } from "./persist.js";
import type { Answer, Lease, QueuePort } from "./queue.js";
import { createReporter } from "./reporter.js";
import { createRunTail, type RunTail } from "./run-tail.js";
import type { AttemptEnd, AttemptMetrics, AttemptSpan, AttemptTracing } from "./trace.js";
import { UNSTARTED } from "./unstarted.js";

/** Why an attempt is to end before its engine does. */
export type StopCause = "cancel" | "release" | "park" | "kill" | "lost";

/** What an attempt needs and does not own. */
export interface AttemptDeps {
  readonly queue: QueuePort;
  readonly tracing: AttemptTracing;
  readonly metrics: AttemptMetrics;
  readonly clock: Clock;
  readonly log: Logger;
  readonly admit: Admit;
  readonly conversations: Conversations;
  readonly hooks: Pick<Hooks, "start">;
}

/** One attempt: from a lease to an answered Complete, Fail or Release. */
export interface Attempt {
  readonly lease: Lease;
  /** Process id of the engine; undefined before it started. */
  readonly pid: number | undefined;
  /** When the engine started. */
  readonly startedAt: Date | undefined;
  /** What its processes took so far, and how many there are, as far as that is known. */
  readonly resources: RunResources;
  readonly processes: number;
  readonly tail: RunTail;
  /** Has its place among the engine's slots. */
  readonly running: boolean;
  /** The queue no longer has the lease down as ours, or may not: it is not to be listed. */
  readonly lost: boolean;
  /** No process of the engine is left; another run can have its place. */
  readonly engineGone: Promise<void>;
  /** The lease was given up; nothing of the attempt is left. Never rejects. */
  readonly over: Promise<AttemptEnd>;
  /** Ends the engine, by `kill` at once; the first cause counts, save that `kill` overrules giving back, and `lost` all others. */
  stop(cause: StopCause): void;
  /** The executor's wait for answers ends: what is unanswered stays so. */
  abandon(): void;
}

export interface AttemptOptions {
  readonly lease: Lease;
  readonly engine: Engine;
  readonly version: string;
  /** Older attempts at the same task on this executor are gone. */
  readonly previous: Promise<unknown>;
}

/** Starts an attempt once `previous` has resolved. */
export function startAttempt({ lease, engine, version, previous }: AttemptOptions, deps: AttemptDeps): Attempt {
  const log = deps.log.child({ task: lease.taskId, fence: String(lease.fence), attempt: lease.attempt });
  // Calls end with the lease; the engine's end is `stop`.
  const unheld = new AbortController();
  const unwanted = new AbortController();
  let cause: StopCause | undefined;
  let run: EngineRun | undefined;
  let startedAt: Date | undefined;
  let running = true;
  let ending = false;
  const tail = createRunTail();
  let engineGone = () => {};
  const gone = new Promise<void>((resolve) => {
    engineGone = () => {
      running = false;
      tail.end();
      resolve();
    };
  });

  const stop = (why: StopCause) => {
    // Once the end is being told, the answer to that decides: a Sync that crosses it finds the lease gone because it was ended.
    if (why === "lost" && !ending) unheld.abort();
    if (cause === undefined || why === "lost" || (why === "kill" && cause in GIVEN_BACK)) cause = why;
    unwanted.abort();
    const stopped = why === "kill" ? run?.kill() : run?.stop();
    stopped?.catch((err: unknown) => log.error({ err }, "engine could not be stopped"));
  };

  const ask = <T = Answer>(call: (signal: AbortSignal) => Promise<T>) =>
    persist(call, { clock: deps.clock, signal: unheld.signal });

  /** The run that the lease is for, or why there is none. */
  async function prepare(): Promise<Admission> {
    const admission = await deps.admit(lease, engine);
    if (admission.refused || cause !== undefined) return admission;
    const conversation = await deps.conversations.begin(lease, ask);
    if (conversation && "gone" in conversation) return { refused: cannotGoOn(conversation.gone) };
    return { request: { ...admission.request, conversation } };
  }

  async function runEngine(
    span: AttemptSpan,
    request: Omit<RunRequest, "traceparent">,
  ): Promise<RunOutcome | undefined> {
    const engineSpan = span.engine();
    let outcome: RunOutcome | undefined;
    try {
      run = await deps.hooks.start(engine, lease, {
        ...{ ...request, unwanted: unwanted.signal },
        traceparent: engineSpan.traceparent,
      });
      startedAt = new Date(deps.clock.date());
      log.info({ engine: engine.name, pid: run.pid }, "engine started");
      // The stop may have come while the process was being started.
      if (cause !== undefined) stop(cause);
      const { queue, clock } = deps;
      const reporter = createReporter({ queue, lease, clock, signal: unheld.signal, onLost: () => stop("lost") });
      reporter.started({ traceparent: span.traceparent });
      for await (const event of run.events) {
        tail.hear(event);
        await reporter.add(event);
      }
      outcome = await run.outcome;
      engineGone();
      if (outcome.facts) deps.metrics.ran(engine.name, outcome.facts);
      await reporter.flushed();
      return outcome;
    } finally {
      engineSpan.end(outcome);
    }
  }

  async function settle(outcome: RunOutcome | undefined): Promise<AttemptEnd> {
    if (cause === "lost") return "LOST";
    ending = true;
    if (outcome?.ok) {
      // A cancel that comes when the work is done changes nothing.
      // Before the result is told: the next turn may start as soon as it is.
      const { counted, ...turn } = await deps.conversations.keep(lease, outcome.result, ask);
      const result = { ...outcome.result, engineVersion: outcome.result.engineVersion || version, ...turn };
      const answer = await ask((signal) => deps.queue.complete(lease, engine.name, result, signal));
      if (answer === "ok") {
        await counted();
        return "SUCCEEDED";
      }
      if (answer === "refused") return await fail(undeliverable);
      return "LOST";
    }
    if (cause === "release" || cause === "park") {
      const reason = GIVEN_BACK[cause];
      const answer = await ask((signal) => deps.queue.release(lease, reason, signal));
      return answer === "ok" ? "RELEASED" : "LOST";
    }
    if (cause === "cancel") return await fail(cancelled, outcome);
    if (cause === "kill") return await fail(killed, outcome);
    return await fail(outcome?.failure ?? UNSTARTED, outcome);
  }

  async function fail(failure: RunFailure, outcome?: RunOutcome): Promise<AttemptEnd> {
    const { usage, costUsd } = outcome && !outcome.ok ? outcome : { usage: undefined, costUsd: undefined };
    const answer = await ask((signal) => deps.queue.fail(lease, { failure, usage, costUsd }, signal));
    // Unended it would be run again, for ever: nothing would count the attempt.
    if (answer === "refused" && failure !== undeliverable) return await fail(undeliverable);
    return answer === "ok" ? failure.category : "LOST";
  }

  const over = deps.tracing.attempt(lease, async (span) => {
    let outcome: RunOutcome | undefined;
    try {
      await previous;
      const admission = await prepare();
      if (admission.refused) outcome = { ok: false, failure: admission.refused, usage: undefined, costUsd: undefined };
      else if (cause === undefined) outcome = await runEngine(span, admission.request);
    } catch (err) {
      if (run || !unwanted.signal.aborted) log.error({ err }, "engine could not be run");
      await run?.stop().catch((error: unknown) => log.error({ err: error }, "engine could not be stopped"));
    }
    engineGone();
    const end = await settle(outcome);
    span.ended(end);
    const failure = outcome && !outcome.ok ? outcome.failure : undefined;
    const level = failure?.category === end ? LEVELS[failure.severity] : "info";
    log[level]({ end, ...(failure && { reason: failure.message }), ...outcome?.facts }, "attempt over");
    return end;
  });

  return {
    lease,
    get pid() {
      return run?.pid;
    },
    get startedAt() {
      return startedAt;
    },
    get resources() {
      return run?.resources ?? { cpuMs: undefined, peakMemoryBytes: undefined };
    },
    get processes() {
      return running && run ? run.processes : 0;
    },
    tail,
    get running() {
      return running;
    },
    get lost() {
      return cause === "lost";
    },
    engineGone: gone,
    over,
    stop,
    abandon: () => unheld.abort(),
  };
}

const LEVELS = { notice: "info", warning: "warn", critical: "error" } as const satisfies Record<Severity, string>;

/** Causes for which the lease is given back, and what the task's log says of it. */
const GIVEN_BACK = { release: "the executor takes no more work", park: "an emergency stop parked it" } as const;

const killed = runFailure("CANCELLED", "an emergency stop killed it", { source: "CCSP" });

const cancelled = runFailure("CANCELLED", "the task was cancelled");

const cannotGoOn = (why: string): RunFailure => runFailure("INVALID_REQUEST", `conversation: ${why}`);

const undeliverable = runFailure("OUTPUT_LIMIT", "the queue refused the result", { source: "CCSP" });
