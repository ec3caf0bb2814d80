import {
  type EngineEvent,
  type EngineRun,
  type Handled,
  type HookRun,
  type RunBrokerHandle,
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

/** Does the run: an engine that has started, a hook's handler, or a refusal. */
export type Worker = EngineRun | Handler | { readonly refused: RunFailure };

/** A hook does the run. If it fails, the engine may do it. */
export interface Handler {
  /** The name of the hook. The result shows it in place of an engine's version. */
  readonly by: string;
  /**
   * Does the run. Resolves to `failed` if the hook could not do it and the engine must. Never rejects. Its result is
   * ignored once `signal` aborts.
   */
  readonly handle: (signal: AbortSignal) => Promise<Handled | "failed">;
  /** Rejects if the engine could not be started. */
  readonly startEngine: () => Promise<EngineRun>;
}

export interface HookedRunDeps extends Pick<HookDeps, "clock" | "log"> {
  readonly end: RunEnd;
  readonly logins: Logins;
}

/**
 * A run with its hooks. The hooks get its events, and know how it ended before its `outcome` resolves. Its pid is 0
 * until an engine has started. Two things end it early: its owner, which calls `stop` or `kill` and knows why, or the
 * failure of a required hook.
 */
export class HookedRun implements EngineRun {
  readonly events: AsyncGenerator<EngineEvent>;
  readonly outcome: Promise<RunOutcome>;
  readonly #run: HookRun;
  readonly #deps: HookedRunDeps;
  readonly #feeds: readonly EventFeed[];
  readonly #startedAt: number;
  /** The outcome before the hooks are notified of it. */
  readonly #worked = Promise.withResolvers<RunOutcome>();
  /** Aborts when the run is being ended. */
  readonly #ending = new AbortController();
  #engine: EngineRun | undefined;
  /** Its owner ended the run. */
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

  /** Undefined until an engine has started. */
  get broker(): RunBrokerHandle | undefined {
    return this.#engine?.broker;
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
      if (!outcome.ok) return;
      const { text, turns, usage, costUsd, model } = outcome.result;
      if (text !== "") yield { type: "text", text };
      if (usage ?? costUsd) yield { type: "usage", turns, usage, costUsd, model, toolUses: 0 };
    } catch {
      outcome = failedBy(UNSTARTED);
    } finally {
      // Has no effect if the engine's outcome was passed on before.
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
      // An owner that stops a run waits until the run ends. It does not wait for the hooks' event calls.
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
    // The owner that stopped the run knows the cause, and reports it to the queue.
    await end.tell(this.#run, failedBy(STOPPED, outcome));
    return outcome;
  }
}

const TOO_MUCH = failedBy(runFailure("OUTPUT_LIMIT", "the hook returned more bytes than the run may print"));
