import {
  type Engine,
  type EngineRun,
  type RunFailure,
  type RunOutcome,
  type RunResources,
  runFailure,
  type Severity,
} from "@ccsp/engine-kit";
import { within } from "@ccsp/timing";
import type { Logger } from "pino";
import { type Admit, FolderRefused } from "./admission.js";
import { EndReporter, isGivenBack, type StopCause } from "./attempt-end.js";
import { type Clock, timerOf } from "./clock.js";
import type { Ask, Conversations, Gone } from "./conversations.js";
import type { Hooks } from "./hooks/hooks.js";
import { failedBy } from "./hooks/run-end.js";
import type { KeptEnds } from "./kept-ends.js";
import type { Logins } from "./login-checks.js";
import { persist } from "./persist.js";
import type { Lease, QueuePort } from "./queue.js";
import { Reporter } from "./reporter.js";
import { createRunTail } from "./run-tail.js";
import type { AttemptEnd, AttemptMetrics, AttemptSpan, AttemptTracing, EngineSpan } from "./trace.js";

/** What an attempt uses and does not own. */
export interface AttemptDeps {
  readonly queue: QueuePort;
  readonly tracing: AttemptTracing;
  readonly metrics: AttemptMetrics;
  readonly clock: Clock;
  readonly log: Logger;
  readonly admit: Admit;
  readonly conversations: Conversations;
  readonly kept: Pick<KeptEnds, "put" | "remove">;
  readonly hooks: Pick<Hooks, "start">;
  /** Called with the time from the start of the engine to the first text of a run. */
  readonly onFirstText: (engine: string, ms: number) => void;
}

export interface AttemptOptions {
  readonly lease: Lease;
  readonly engine: Engine;
  readonly version: string;
  readonly logins: Logins;
  /** Resolves when older attempts at the same task on this executor are over. */
  readonly previous: Promise<unknown>;
}

/** An end that the queue has not answered after this time is written to this disk. */
const KEEP_AFTER_MS = 1_000;

/** One attempt: from a lease to an answered Complete, Fail or Release. It starts once `previous` has resolved. */
export class Attempt {
  readonly lease: Lease;
  readonly tail = createRunTail();
  /** Resolves when this executor no longer has the lease and nothing of the attempt is left. Never rejects. */
  readonly over: Promise<AttemptEnd>;
  readonly #options: AttemptOptions;
  readonly #deps: AttemptDeps;
  readonly #log: Logger;
  /** Aborts calls to the queue when the lease is lost. `stop` ends the engine. */
  readonly #unheld = new AbortController();
  readonly #unwanted = new AbortController();
  /** Aborts when the executor stops waiting for answers of the queue. */
  readonly #abandoned = new AbortController();
  readonly #told = new AbortController();
  #keeping: Promise<void> | undefined;
  readonly #engineGone = Promise.withResolvers<void>();
  #cause: StopCause | undefined;
  #run: EngineRun | undefined;
  #startedAt: Date | undefined;
  #running = true;
  /** The executor is reporting the end to the queue. */
  #ending = false;
  #reporter: Reporter | undefined;
  #held: string | undefined;

  constructor(options: AttemptOptions, deps: AttemptDeps) {
    const { lease } = options;
    this.lease = lease;
    this.#options = options;
    this.#deps = deps;
    this.#log = deps.log.child({ task: lease.taskId, fence: String(lease.fence), attempt: lease.attempt });
    this.over = deps.tracing.attempt(lease, (span) => this.#live(span));
  }

  /** No message to its model begins, until it is let go with undefined. Without the broker, its run goes on. */
  hold(why: string | undefined): void {
    this.#held = why;
    this.#run?.broker?.hold(why);
  }

  /** Process id of the engine. Undefined before the engine starts. */
  get pid(): number | undefined {
    return this.#run?.pid;
  }

  get startedAt(): Date | undefined {
    return this.#startedAt;
  }

  /** The resources that its processes used until now, if known. */
  get resources(): RunResources {
    return this.#run?.resources ?? { cpuMs: undefined, peakMemoryBytes: undefined };
  }

  /** The number of its processes, if known. */
  get processes(): number {
    return this.#running && this.#run ? this.#run.processes : 0;
  }

  /** The attempt uses one of the engine's slots. */
  get running(): boolean {
    return this.#running;
  }

  /** The queue no longer counts the lease as this executor's, or may not. Sync must not list it. */
  get lost(): boolean {
    return this.#cause === "lost";
  }

  /** Resolves when no process of the engine is left. Then another run can use the slot. */
  get engineGone(): Promise<void> {
    return this.#engineGone.promise;
  }

  /**
   * Ends the engine; `kill` does it without a grace. The first cause counts, with two exceptions: `kill` replaces a
   * cause that gives the lease back, and `lost` replaces every cause.
   */
  stop(why: StopCause): void {
    // While the executor reports the end, the answer to that report decides. A Sync at the same time may find the lease
    // gone because the report ended it.
    if (why === "lost" && !this.#ending) this.#unheld.abort();
    const first = this.#cause;
    if (first === undefined || why === "lost" || (why === "kill" && isGivenBack(first))) this.#cause = why;
    this.#unwanted.abort();
    const stopped = why === "kill" ? this.#run?.kill() : this.#run?.stop();
    stopped?.catch((err: unknown) => this.#log.error({ err }, "engine could not be stopped"));
  }

  /**
   * The executor stops waiting for answers of the queue. Calls without an answer stay unanswered, and the end is kept on
   * this disk.
   */
  abandon(): void {
    this.#abandoned.abort();
    this.#unheld.abort();
  }

  async #live(span: AttemptSpan): Promise<AttemptEnd> {
    let outcome: RunOutcome | undefined;
    try {
      await this.#options.previous;
      outcome = await this.#work(span);
    } catch (err) {
      if (err instanceof FolderRefused) outcome = failedBy(err.failure);
      if (this.#run || !this.#unwanted.signal.aborted) this.#log.error({ err }, "engine could not be run");
      await this.#run?.stop().catch((error: unknown) => this.#log.error({ err: error }, "engine could not be stopped"));
    }
    this.#freePlace();
    this.#keepUntold(outcome);
    const end = await this.#tellEnd(outcome, span);
    await this.#forgetTold(end);
    // The queue has made the span of a lease that it took back, also if it took the result later.
    span.ended(this.lost ? "LOST" : end);
    const failure = outcome && !outcome.ok ? outcome.failure : undefined;
    const level = failure?.category === end ? LEVELS[failure.severity] : "info";
    this.#log[level]({ end, ...(failure && { reason: failure.message }), ...outcome?.facts }, "attempt over");
    return end;
  }

  /** The run that the lease is for, to its end. Undefined: it was stopped before it could start. */
  async #work(span: AttemptSpan): Promise<RunOutcome | undefined> {
    const { lease, engine, logins } = this.#options;
    const { admit, conversations, hooks, clock, metrics } = this.#deps;
    const admission = await admit(lease, engine);
    if (admission.refused) return failedBy(admission.refused);
    if (this.#cause !== undefined) return undefined;
    const { wallMs } = admission.request.limits;
    const over = new AbortController();
    const signal = AbortSignal.any([this.#unheld.signal, this.#unwanted.signal, over.signal]);
    const begin = conversations.begin(lease, this.#asking(signal));
    const conversation = await within(wallMs, begin, () => LATE, { timer: timerOf(clock), over });
    if (this.#cause !== undefined) return undefined;
    if (conversation && "gone" in conversation) return failedBy(cannotGoOn(conversation));

    const engineSpan = span.engine(engine);
    let outcome: RunOutcome | undefined;
    try {
      const { traceparent } = engineSpan;
      const request = { ...admission.request, conversation, unwanted: this.#unwanted.signal, traceparent };
      const { agentId, attempt } = lease;
      const run = await hooks.start({ agentId, attempt, engine: engine.name, request }, engine, logins);
      this.#run = run;
      this.#startedAt = new Date(clock.date());
      this.#log.info({ engine: engine.name, pid: run.pid }, "engine started");
      // The stop may have come while the process started.
      if (this.#cause !== undefined) this.stop(this.#cause);
      const flushed = await this.#report(run, span, engineSpan);
      outcome = await run.outcome;
      this.#freePlace();
      this.#keepUntold(outcome);
      if (outcome.facts) metrics.ran(engine.name, outcome.facts);
      await flushed();
      return outcome;
    } finally {
      engineSpan.end(outcome, this.#reporter?.reported);
    }
  }

  /** Resolves when the run has no more events. The result is a function that waits until the queue has all of them. */
  async #report(run: EngineRun, { traceparent }: AttemptSpan, engineSpan: EngineSpan): Promise<() => Promise<void>> {
    const { queue, clock } = this.#deps;
    const signal = this.#unheld.signal;
    const unwanted = this.#unwanted.signal;
    const onLost = () => this.stop("lost");
    const reporter = new Reporter({ queue, lease: this.lease, clock, signal, unwanted, onLost });
    this.#reporter = reporter;
    reporter.started({ traceparent });
    const startedMs = clock.now();
    let silent = true;
    for await (const event of run.events) {
      // The hold may have come before the engine.
      if (this.#held !== undefined) this.hold(this.#held);
      engineSpan.add(event);
      if (event.type === "tool-ended") continue;
      if (silent && event.type === "text") {
        silent = false;
        this.#deps.onFirstText(this.lease.engine, clock.now() - startedMs);
      }
      this.tail.add(event);
      await reporter.add(event);
    }
    return () => reporter.flushed();
  }

  #freePlace(): void {
    this.#running = false;
    this.tail.end();
    this.#engineGone.resolve();
  }

  async #tellEnd(outcome: RunOutcome | undefined, span: AttemptSpan): Promise<AttemptEnd> {
    const cause = this.#cause;
    // The queue takes a result also after the end of its lease, until it has granted a later one.
    if (cause === "lost" && !outcome?.ok) return "LOST";
    this.#ending = true;
    return await this.#endReporter(() => span.done()).report(outcome, cause === "lost" ? undefined : cause);
  }

  /**
   * Writes the end to this disk if the queue does not answer it soon: it then outlives a kill of this process, and the
   * next boot tells it. To be called when no process of the engine is left.
   */
  #keepUntold(outcome: RunOutcome | undefined): void {
    const cause = this.#cause;
    if (this.#keeping || (cause === "lost" && !outcome?.ok)) return;
    const { kept, clock } = this.#deps;
    const keep = async (): Promise<void> => {
      await clock.wait(KEEP_AFTER_MS, AbortSignal.any([this.#told.signal, this.#abandoned.signal]));
      if (!this.#told.signal.aborted) await kept.put(this.lease, await this.#endReporter().untold(outcome, cause));
    };
    this.#keeping = keep().catch((err: unknown) => this.#log.error({ err }, "the end could not be kept on this disk"));
  }

  /** Removes the end from this disk, unless the queue has not answered it. */
  async #forgetTold(end: AttemptEnd): Promise<void> {
    const untold = end === "LOST" && this.#abandoned.signal.aborted;
    if (!untold) this.#told.abort();
    await this.#keeping;
    if (!untold) await this.#deps.kept.remove(this.lease);
  }

  #endReporter(onDone = () => {}): EndReporter {
    const { queue, conversations } = this.#deps;
    const { lease, version } = this.#options;
    const ask = this.#asking(this.#abandoned.signal);
    const notKept = this.#reporter?.notKept ?? [];
    return new EndReporter({ lease, version, queue, conversations, ask, notKept, onDone });
  }

  #asking(signal: AbortSignal): Ask {
    return (call) => persist(call, { clock: this.#deps.clock, signal });
  }
}

const LEVELS = { notice: "info", warning: "warn", critical: "error" } as const satisfies Record<Severity, string>;

const LATE: Gone = { gone: "the queue did not give its transcript within the task's wall time", again: true };

const cannotGoOn = ({ gone, again }: Gone): RunFailure => {
  const why = `conversation: ${gone}`;
  return again ? runFailure("UNKNOWN_ERROR", why, { source: "CCSP" }) : runFailure("INVALID_REQUEST", why);
};
