import {
  type EngineEvent,
  type EngineRun,
  type Handled,
  type RunOutcome,
  type RunRequest,
  runFailure,
  wellFormed,
} from "@ccsp/engine-kit";
import type { Clock } from "../clock.js";
import { UNSTARTED } from "../unstarted.js";
import { failedBy, STOPPED } from "./hooked-run.js";

export interface HandledRunOptions {
  readonly request: RunRequest;
  /** Who does it, in place of the version of an engine. */
  readonly by: string;
  readonly clock: Clock;
  /** Does the run; `failed` when it could not and the engine is to. Never rejects. Not listened to once `signal` aborts. */
  readonly handle: (signal: AbortSignal) => Promise<Handled | "failed">;
  /** Rejects when the engine could not be started. */
  readonly startEngine: () => Promise<EngineRun>;
}

/** A run that a hook does, and then perhaps the engine: its pid is 0 until that has started. */
export function startHandled({ request, by, clock, handle, startEngine }: HandledRunOptions): EngineRun {
  const startedAt = clock.now();
  const ended = new AbortController();
  let inEngine: EngineRun | undefined;
  let resolve: (outcome: RunOutcome | Promise<RunOutcome>) => void = () => {};
  const outcome = new Promise<RunOutcome>((settle) => {
    resolve = settle;
  });

  async function* events(): AsyncGenerator<EngineEvent> {
    let end: RunOutcome = failedBy(STOPPED);
    try {
      const done = await handle(ended.signal);
      if (ended.signal.aborted) return;
      if (done === "failed") {
        inEngine = await startEngine();
        if (ended.signal.aborted) void inEngine.stop().catch(() => {});
        yield* inEngine.events;
      } else {
        end = outcomeOf(done);
        if (end.ok && end.result.text !== "") yield { type: "text", text: end.result.text };
      }
    } catch {
      end = failedBy(UNSTARTED);
    } finally {
      ended.abort();
      resolve(inEngine?.outcome ?? end);
    }
  }

  function outcomeOf(done: Handled): RunOutcome {
    if ("failure" in done) return failedBy(done.failure);
    const text = wellFormed(done.text);
    if (Buffer.byteLength(text) > request.limits.outputBytes) return TOO_MUCH;
    const { usage, costUsd, model = "" } = done;
    const runMs = clock.now() - startedAt;
    return {
      ok: true,
      result: { text, usage, costUsd, model, conversationId: "", engineVersion: by, turns: 1, runMs },
    };
  }

  return {
    get pid() {
      return inEngine?.pid ?? 0;
    },
    events: events(),
    outcome,
    get resources() {
      return inEngine?.resources ?? { cpuMs: undefined, peakMemoryBytes: undefined };
    },
    get processes() {
      return inEngine?.processes ?? 0;
    },
    async stop() {
      ended.abort();
      await inEngine?.stop();
    },
    async kill() {
      ended.abort();
      await inEngine?.kill();
    },
  };
}

const TOO_MUCH = failedBy(runFailure("OUTPUT_LIMIT", "the hook answered more bytes than the run may print"));
