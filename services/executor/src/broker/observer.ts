import type { MeteredAnswer } from "./meter.js";

/** The task that a run's process has. */
export interface BrokeredTask {
  /** W3C trace context of the run. Empty when tracing is off. */
  readonly traceparent: string;
  /** Undefined: no bound. */
  readonly budgetUsd: number | undefined;
}

/** Gets what happens to the messages of runs: for spans and metrics. Never throws. */
export interface Observer {
  /** A message goes to the provider. `ended` is called once, `firstToken` at most once and before. */
  asked(provider: string, task: BrokeredTask): ObservedMessage;
}

export interface ObservedMessage {
  firstToken(): void;
  /** `status`: that of HTTP, also where the broker refuses the message for its body. Undefined: no answer came. */
  ended(end: { readonly status: number | undefined; readonly answer: MeteredAnswer }): void;
}
