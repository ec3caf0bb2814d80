import { createRequire } from "node:module";
import type { Rule } from "../classify.js";

/** Long enough for any pattern that people can read, also on a busy machine. */
const CHECK_MS = 30_000;

/**
 * The patterns of these rules whose time may grow faster than the text, and what is known about each. recheck's
 * automata decide this from the pattern itself, without running it.
 */
export function slowPatterns<W extends string>(rules: readonly Rule<W>[]): readonly string[] {
  // Only the JavaScript of recheck: it needs no Java and no binary, and gives the same result everywhere.
  const { checkSync }: typeof import("recheck") = createRequire(import.meta.url)("recheck/lib/browser.js");
  const slow: string[] = [];
  for (const pattern of rules.flatMap(({ when }) => [when.text, when.stderr]).filter((found) => found !== undefined)) {
    const found = checkSync(pattern.source, pattern.flags, { checker: "automaton", timeout: CHECK_MS });
    if (found.status === "vulnerable") slow.push(`${pattern} is ${found.complexity.summary}`);
    if (found.status === "unknown") slow.push(`${pattern} could not be judged: ${found.error.kind}`);
  }
  return slow;
}
