import type { EngineEvent, UsageSoFar } from "./engine.js";
import { knownCost } from "./known-cost.js";
import type { Transcript } from "./transcript.js";

/** Follows what a run has used so far, as far as its events say it. */
export interface SpentSoFar {
  /** Takes the next event. Returns it, and a usage event with the number of tools that were used before it. */
  add(event: EngineEvent): EngineEvent;
  /** The event that makes the last usage event equal to the totals of the run. None when they are not known. */
  settle(totals: Pick<Transcript, "usage" | "costUsd" | "model" | "ending">): readonly EngineEvent[];
}

export function createSpentSoFar(): SpentSoFar {
  let toolUses = 0;
  let last: UsageSoFar | undefined;

  return {
    add(event) {
      if (event.type === "tool") toolUses += 1;
      if (event.type !== "usage") return event;
      last = { ...event, toolUses };
      return { ...last, type: "usage" };
    },
    settle({ usage, costUsd: told, model, ending }) {
      const costUsd = ending?.ok ? told : knownCost(told, usage);
      if (usage === undefined && costUsd === undefined) return [];
      const totals = { turns: ending?.turns ?? last?.turns ?? 0, usage, costUsd, model: model ?? "", toolUses };
      return last && same(last, totals) ? [] : [{ type: "usage", ...totals }];
    },
  };
}

const same = (a: UsageSoFar, b: UsageSoFar): boolean => flat(a) === flat(b);

const flat = ({ usage, turns, costUsd, model, toolUses }: UsageSoFar): string =>
  JSON.stringify([
    usage && [usage.inputTokens, usage.outputTokens, usage.cacheReadTokens, usage.cacheCreationTokens],
    [turns, costUsd, model, toolUses],
  ]);
