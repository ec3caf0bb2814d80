import { type BrokeredUse, NO_USAGE, type Usage } from "@ccsp/engine-kit";
import { pricedMicroUsd } from "@ccsp/prices";
import type { MeteredAnswer } from "./meter.js";

/** What the messages of one run have used. */
export class Spent {
  readonly #budgetUsd: number | undefined;
  #usage: Usage | undefined;
  #microUsd = 0;
  #unpriced = false;
  #model = "";
  #held: string | undefined;
  #refused: string | undefined;

  /** Undefined: no bound. */
  constructor(budgetUsd: number | undefined) {
    this.#budgetUsd = budgetUsd;
  }

  /** Of a stream that a run has cut off, the text that had come counts too. Before its first event nothing is known. */
  add({ usage, model, unfinished }: MeteredAnswer): void {
    if (usage === undefined) return;
    const { inputTokens, cacheReadTokens, cacheCreationTokens } = usage;
    const outputTokens = Math.max(usage.outputTokens, unfinished);
    const had = this.#usage ?? NO_USAGE;
    this.#usage = {
      inputTokens: had.inputTokens + inputTokens,
      outputTokens: had.outputTokens + outputTokens,
      cacheReadTokens: had.cacheReadTokens + cacheReadTokens,
      cacheCreationTokens: had.cacheCreationTokens + cacheCreationTokens,
    };
    const microUsd = pricedMicroUsd(model, {
      input: inputTokens,
      output: outputTokens,
      cacheRead: cacheReadTokens,
      cacheCreation: cacheCreationTokens,
    });
    // A model without a price has no bound.
    this.#microUsd += microUsd ?? 0;
    this.#unpriced ||= microUsd === undefined;
    this.#model ||= model;
  }

  /** See `RunBrokerHandle.hold`. */
  hold(why: string | undefined): void {
    this.#held = why;
  }

  /** Why no message may begin. A run that was refused one is over: its engine ends, or would try again for nothing. */
  refusal(): string | undefined {
    const isUsedUp = this.#budgetUsd !== undefined && this.#microUsd / 1e6 >= this.#budgetUsd;
    this.#refused ??= isUsedUp ? "the run has used its budget" : this.#held;
    return this.#refused;
  }

  get use(): Omit<BrokeredUse, "retryAtMs"> {
    const known = this.#usage !== undefined && !this.#unpriced;
    const costUsd = known ? this.#microUsd / 1e6 : undefined;
    return { usage: this.#usage, costUsd, model: this.#model, overBudget: this.#refused };
  }
}
