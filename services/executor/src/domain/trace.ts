import type { ErrorCategory, RunFacts, RunOutcome } from "@ccsp/engine-kit";
import type { Lease } from "./queue.js";

/** Spans of attempts. Implemented by `../telemetry/attempt-spans.ts`. */
export interface AttemptTracing {
  /** Runs `work` inside the attempt's span, which ends with it. */
  attempt<T>(lease: Lease, work: (span: AttemptSpan) => Promise<T>): Promise<T>;
}

export interface AttemptSpan {
  /** W3C context of the attempt; empty when tracing is off. */
  readonly traceparent: string;
  /** Starts the child span of the engine's process. */
  engine(): EngineSpan;
  /** Says how the attempt ended, in one word. */
  ended(word: AttemptEnd): void;
}

export interface EngineSpan {
  /** W3C context that the engine gets. */
  readonly traceparent: string;
  end(outcome: RunOutcome | undefined): void;
}

/** How an attempt ended: `SUCCEEDED`, a category of failure, given back unfinished, or dropped because the lease was gone. */
export type AttemptEnd = "SUCCEEDED" | "RELEASED" | "LOST" | ErrorCategory;

/** Counts of attempts. Implemented by `../telemetry/metrics.ts`. */
export interface AttemptMetrics {
  started(engine: string): void;
  ended(engine: string, end: AttemptEnd): void;
  /** A run's processes are gone. */
  ran(engine: string, facts: RunFacts): void;
}
