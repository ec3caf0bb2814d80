import {
  type EngineEvent,
  type EngineRun,
  type Handled,
  type HookRun,
  type RunFailure,
  type RunOutcome,
  type RunResources,
  runFailure,
  wellFormed,
} from "@ccsp/engine-kit";
import type { Logins } from "../login-checks.js";
import { UNSTARTED } from "../unstarted.js";
import { createEventFeed, type EventFeed } from "./event-feed.js";
import type { HookDeps } from "./hook-calls.js";
import { failedBy, hookFailed, type RunEnd, STOPPED } from "./run-end.js";

/** What does a run; or why there is none. */
export type Worker = EngineRun | Handler | { readonly refused: RunFailure };

/** A hook, and then perhaps the engine. */
export interface Handler {
  /** Who does it, in place of the version of an engine. */
  readonly by: string;
  /** Does the run; `failed` when it could not and the engine is to. Never rejects. Not listened to once `signal` aborts. */
  readonly handle: (signal: AbortSignal) => Promise<Handled | "failed">;
  /** Rejects when the engine could not be started. */
  readonly startEngine: () => Promise<EngineRun>;
}

export interface HookedRunDeps extends Pick<HookDeps, "clock" | "log"> {
  readonly end: RunEnd;
  readonly logins: Logins;
}

/**
 * A run with its hooks: they listen to it and know how it ended, before its `outcome` says so. Its pid is 0 until an engine has started. It
 * ends for its owner, who calls `stop` or `kill` and knows why, or for a required hook that fails.
 */
export class HookedRun implements EngineRun {
  readonly events: AsyncGenerator<EngineEvent>;
  readonly outcome: Promise<RunOutcome>;
  readonly #run: HookRun;
  readonly #deps: HookedRunDeps;
  readonly #feeds: readonly EventFeed[];
  readonly #startedAt: number;
  /** The run as its hooks are not told of it yet. */
  readonly #worked = Promise.withResolvers<RunOutcome>();
  /** Aborts when it is being ended. */
  readonly #ending = new AbortController();
  #engine: EngineRun | undefined;
  /** Its owner ends it. */
  #stopped = false;
  #broken: RunFailure | undefined;

  constructor(run: HookRun, worker: Worker, deps: HookedRunDeps) {
    this.#run = run;
    this.#deps = deps;
    this.#startedAt = deps.clock.now();
    this.#feeds = this.#listen();
    this.events = this.#follow(this.#begin(worker));
    this.outcome = this.#finish();
  }

  get pid(): number {
    return this.#engine?.pid ?? 0;
  }

  get resources(): RunResources {
    return this.#engine?.resources ?? { cpuMs: undefined, peakMemoryBytes: undefined };
  }

  get processes(): number {
    return this.#engine?.processes ?? 0;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#endWork();
  }

  async kill(): Promise<void> {
    this.#stopped = true;
    this.#ending.abort();
    await this.#engine?.kill();
  }

  async #endWork(): Promise<void> {
    this.#ending.abort();
    await this.#engine?.stop();
  }

  #listen(): readonly EventFeed[] {
    const { clock, log, end } = this.#deps;
    const listening = end.hooks.filter(({ points }) => points.includes("on-event"));
    return listening.map((installed) =>
      createEventFeed({
        installed,
        run: this.#run,
        calls: end.calls,
        clock,
        onBroken: () => {
          this.#broken ??= hookFailed(installed, "on-event");
          this.#endWork().catch((err: unknown) => log.error({ err }, "run could not be stopped for its hook"));
        },
      }),
    );
  }

  #begin(worker: Worker): AsyncIterable<EngineEvent> {
    if ("events" in worker) return this.#beginEngine(worker);
    if ("handle" in worker) return this.#handled(worker);
    this.#worked.resolve(failedBy(worker.refused));
    return (async function* () {})();
  }

  #beginEngine(engine: EngineRun): AsyncIterable<EngineEvent> {
    this.#engine = engine;
    const judge = this.#deps.logins.begin(this.#run.engine);
    this.#worked.resolve(engine.outcome.then((came) => judge(came, this.#ending.signal)));
    return engine.events;
  }

  async *#handled({ by, handle, startEngine }: Handler): AsyncGenerator<EngineEvent> {
    let outcome = failedBy(STOPPED);
    try {
      const done = await handle(this.#ending.signal);
      if (this.#ending.signal.aborted) return;
      if (done === "failed") {
        const events = this.#beginEngine(await startEngine());
        if (this.#ending.signal.aborted) void this.#engine?.stop().catch(() => {});
        yield* events;
        return;
      }
      outcome = this.#outcomeOf(done, by);
      if (outcome.ok && outcome.result.text !== "") yield { type: "text", text: outcome.result.text };
    } catch {
      outcome = failedBy(UNSTARTED);
    } finally {
      // Changes nothing when the engine has it.
      this.#worked.resolve(outcome);
    }
  }

  #outcomeOf(done: Handled, by: string): RunOutcome {
    if ("failure" in done) return failedBy(done.failure);
    const text = wellFormed(done.text);
    if (Buffer.byteLength(text) > this.#run.request.limits.outputBytes) return TOO_MUCH;
    const { usage, costUsd, model = "" } = done;
    const runMs = this.#deps.clock.now() - this.#startedAt;
    return {
      ok: true,
      result: { text, usage, costUsd, model, conversationId: "", engineVersion: by, turns: 1, runMs },
    };
  }

  async *#follow(events: AsyncIterable<EngineEvent>): AsyncGenerator<EngineEvent> {
    for await (const event of events) {
      // The owner who stops a run waits for its end, not for its hooks.
      if (!this.#stopped) for (const feed of this.#feeds) await feed.add(event);
      yield event;
    }
  }

  async #finish(): Promise<RunOutcome> {
    const outcome = await this.#worked.promise;
    await Promise.all(this.#feeds.map((feed) => feed.end(this.#stopped)));
    const { end } = this.#deps;
    if (!this.#stopped || outcome.ok) {
      return await end.tell(this.#run, this.#broken ? failedBy(this.#broken, outcome) : outcome);
    }
    // The owner who stopped it knows why, and says so to the queue.
    await end.tell(this.#run, failedBy(STOPPED, outcome));
    return outcome;
  }
}

const TOO_MUCH = failedBy(runFailure("OUTPUT_LIMIT", "the hook answered more bytes than the run may print"));
