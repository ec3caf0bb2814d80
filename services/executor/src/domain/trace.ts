import type { Engine, EngineEvent, ErrorCategory, RunFacts, RunOutcome } from "@ccsp/engine-kit";
import type { Lease } from "./queue.js";

/** Spans of attempts. Implemented by `../telemetry/attempt-spans.ts`. */
export interface AttemptTracing {
  /**
   * Runs `work` inside the attempt's span. The span ends when the work says that it is done, or at the end of `work`. The
   * queue makes that of a lost attempt.
   */
  attempt<T>(lease: Lease, work: (span: AttemptSpan) => Promise<T>): Promise<T>;
}

export interface AttemptSpan {
  /** W3C context of the attempt. Empty if tracing is off. */
  readonly traceparent: string;
  /** Starts the child span of the engine's process. */
  engine(engine: Pick<Engine, "provider">): EngineSpan;
  /** The work is done, so the span ends now. The report of the end comes after it: its answer ends the task's span. */
  done(): void;
  /** Records how the attempt ended. */
  ended(word: AttemptEnd): void;
}

export interface EngineSpan {
  /** W3C context that the engine gets. */
  readonly traceparent: string;
  /** To be called with each event of the engine, when it comes. */
  add(event: EngineEvent): void;
  /** `reported` undefined: the engine did not start. */
  end(outcome: RunOutcome | undefined, reported: Reported | undefined): void;
}

/** What the queue was sent of a run. */
export interface Reported {
  readonly calls: number;
  /** Of text, in UTF-8. */
  readonly bytes: number;
}

/**
 * How an attempt ended. `SUCCEEDED`; a category of failure; `RELEASED`: given back unfinished; `LOST`: dropped because
 * the lease was gone.
 */
export type AttemptEnd = "SUCCEEDED" | "RELEASED" | "LOST" | ErrorCategory;

/** Counts of attempts. Implemented by `../telemetry/metrics.ts`. */
export interface AttemptMetrics {
  started(engine: string): void;
  ended(engine: string, end: AttemptEnd): void;
  /** Records a run whose processes are gone. */
  ran(engine: string, facts: RunFacts): void;
}
