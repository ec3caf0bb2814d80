import type { BrokeredUse, Usage } from "@ccsp/engine-kit";
import { pricedMicroUsd } from "@ccsp/prices";
import type { MeteredAnswer } from "./meter.js";

/** What the requests of one run have used. */
export class Spent {
  readonly #budgetUsd: number | undefined;
  #usage: Usage = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheCreationTokens: 0 };
  #microUsd = 0;
  #model = "";
  #refused = false;

  /** Undefined: no bound. */
  constructor(budgetUsd: number | undefined) {
    this.#budgetUsd = budgetUsd;
  }

  /** Of an answer that a run has cut off, the text that had come counts too. */
  add({ usage, model, unfinished }: MeteredAnswer): void {
    if (usage === undefined) return;
    const { inputTokens, cacheReadTokens, cacheCreationTokens } = usage;
    const outputTokens = Math.max(usage.outputTokens, unfinished);
    const had = this.#usage;
    this.#usage = {
      inputTokens: had.inputTokens + inputTokens,
      outputTokens: had.outputTokens + outputTokens,
      cacheReadTokens: had.cacheReadTokens + cacheReadTokens,
      cacheCreationTokens: had.cacheCreationTokens + cacheCreationTokens,
    };
    const tokens = {
      input: inputTokens,
      output: outputTokens,
      cacheRead: cacheReadTokens,
      cacheCreation: cacheCreationTokens,
    };
    // A model without a price has no bound.
    this.#microUsd += pricedMicroUsd(model, tokens) ?? 0;
    this.#model ||= model;
  }

  /** Whether one more request may begin. */
  allows(): boolean {
    if (this.#budgetUsd !== undefined && this.#microUsd / 1e6 >= this.#budgetUsd) this.#refused = true;
    return !this.#refused;
  }

  /** Undefined: no request was refused. */
  get overBudget(): BrokeredUse | undefined {
    return this.#refused ? { usage: this.#usage, costUsd: this.#microUsd / 1e6, model: this.#model } : undefined;
  }
}
