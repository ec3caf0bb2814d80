import { durationWords } from "../output/words.js";

/** How long something took, short enough for a column: `0.4 ms`, `42 ms`, `1.29 s`, `3 min 5 s`. */
export function spanTime(ms: number): string {
  if (ms < 9.95) return `${ms.toFixed(1)} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 99_995) return `${(ms / 1_000).toFixed(2)} s`;
  return durationWords(ms);
}
