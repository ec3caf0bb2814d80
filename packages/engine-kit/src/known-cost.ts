import type { Usage } from "./usage.js";

/**
 * The cost of a failed run, as far as it is known. An engine that fails before it has counted anything reports 0 (Claude
 * Code does, after an error of the provider), although the provider may charge for the request. So 0 counts only
 * together with tokens.
 */
export function knownCost(costUsd: number | undefined, usage: Usage | undefined): number | undefined {
  return costUsd === 0 && !hasTokens(usage) ? undefined : costUsd;
}

const hasTokens = (usage: Usage | undefined): boolean =>
  usage !== undefined && Object.values(usage).some((tokens) => tokens > 0);
