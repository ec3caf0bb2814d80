import { at, countAt, entriesAt, type Json, numberAt, type Usage } from "@ccsp/engine-kit";

/** The usage and cost of a run, as far as its results report them. */
export interface Spent {
  /** Takes the `result` of a turn. Returns whether it counts any tokens: that of an interrupted turn counts none. */
  add(line: Json): boolean;
  readonly usage: Usage | undefined;
  readonly costUsd: number | undefined;
  /** The model that wrote the most output tokens. The CLI also asks small models for side jobs. */
  readonly model: string | undefined;
}

type PerModel = readonly (readonly [string, Json])[];

/**
 * Adds up the usage that each result reports since the previous result. `modelUsage` and `total_cost_usd` are totals.
 * In 2.1.197 they are totals of the process. In 2.1.332 they are totals of the whole conversation, and `--resume`
 * continues the count. So they are used only if the result has no better field and its CLI counts per process.
 */
export function createSpent(): Spent {
  let usage: Usage | undefined;
  let costUsd: number | undefined;
  const written = new Map<string, number>();

  return {
    add(line) {
      const since = entriesAt(line, "model_usage_since_last_result");
      if (at(line, "model_usage_since_last_result") !== undefined) {
        const added = perModel(since);
        usage = plus(usage, added);
        costUsd = (costUsd ?? 0) + sum(since, (each) => numberAt(each, "costUSD") ?? 0);
        for (const [model, each] of since) written.set(model, (written.get(model) ?? 0) + outputOf(each));
        return tokensOf(added) > 0;
      }
      if (countAt(line, "result_index") !== undefined) {
        // The CLI made up this result, for example for a start that failed. It reports no usage of its own.
        if (usage !== undefined) return false;
        usage = ofTurn(line);
        return tokensOf(usage) > 0;
      }
      const total = entriesAt(line, "modelUsage");
      usage = total.length > 0 ? perModel(total) : ofTurn(line);
      costUsd = numberAt(line, "total_cost_usd");
      written.clear();
      for (const [model, each] of total) written.set(model, outputOf(each));
      return tokensOf(usage) > 0;
    },
    get usage() {
      return usage;
    },
    get costUsd() {
      return costUsd;
    },
    get model() {
      return [...written].toSorted(([, a], [, b]) => b - a)[0]?.[0];
    },
  };
}

/** All tokens, of every kind. */
export const tokensOf = (usage: Usage | undefined): number =>
  usage === undefined ? 0 : Object.values(usage).reduce((total, tokens) => total + tokens, 0);

/** The larger count of each field. */
export function larger(a: Usage | undefined, b: Usage | undefined): Usage | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return {
    inputTokens: Math.max(a.inputTokens, b.inputTokens),
    outputTokens: Math.max(a.outputTokens, b.outputTokens),
    cacheReadTokens: Math.max(a.cacheReadTokens, b.cacheReadTokens),
    cacheCreationTokens: Math.max(a.cacheCreationTokens, b.cacheCreationTokens),
  };
}

const outputOf = (usage: Json): number => countAt(usage, "outputTokens") ?? 0;

const sum = (models: PerModel, of: (usage: Json) => number): number =>
  models.reduce((total, [, usage]) => total + of(usage), 0);

/** This total includes sub-agents. It also stays right when a limit ends the run. */
const perModel = (models: PerModel): Usage => ({
  inputTokens: sum(models, (each) => countAt(each, "inputTokens") ?? 0),
  outputTokens: sum(models, outputOf),
  cacheReadTokens: sum(models, (each) => countAt(each, "cacheReadInputTokens") ?? 0),
  cacheCreationTokens: sum(models, (each) => countAt(each, "cacheCreationInputTokens") ?? 0),
});

/** The usage of the turn itself, without its background work. */
function ofTurn(line: Json): Usage | undefined {
  if (at(line, "usage") === undefined) return undefined;
  return {
    inputTokens: countAt(line, "usage", "input_tokens") ?? 0,
    outputTokens: countAt(line, "usage", "output_tokens") ?? 0,
    cacheReadTokens: countAt(line, "usage", "cache_read_input_tokens") ?? 0,
    cacheCreationTokens: countAt(line, "usage", "cache_creation_input_tokens") ?? 0,
  };
}

function plus(a: Usage | undefined, b: Usage): Usage {
  if (a === undefined) return b;
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    cacheReadTokens: a.cacheReadTokens + b.cacheReadTokens,
    cacheCreationTokens: a.cacheCreationTokens + b.cacheCreationTokens,
  };
}
