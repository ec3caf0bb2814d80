import { createRequire } from "node:module";
import type { Rule } from "../classify.js";

/** Long enough for any pattern that people can read, also on a busy machine. */
const CHECK_MS = 30_000;

/**
 * Patterns of these rules whose time may grow faster than the text that they are held against, and what is known of each. Decided by what the
 * pattern is (recheck's automata), without running it.
 */
export function slowPatterns<W extends string>(rules: readonly Rule<W>[]): readonly string[] {
  // Its JavaScript alone: no Java, no binary, and the same answer everywhere.
  const { checkSync }: typeof import("recheck") = createRequire(import.meta.url)("recheck/lib/browser.js");
  const slow: string[] = [];
  for (const pattern of rules.flatMap(({ when }) => [when.text, when.stderr]).filter((found) => found !== undefined)) {
    const found = checkSync(pattern.source, pattern.flags, { checker: "automaton", timeout: CHECK_MS });
    if (found.status === "vulnerable") slow.push(`${pattern} is ${found.complexity.summary}`);
    if (found.status === "unknown") slow.push(`${pattern} could not be judged: ${found.error.kind}`);
  }
  return slow;
}
