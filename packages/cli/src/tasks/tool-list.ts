import { InvalidArgumentError } from "commander";

const FORM = "Write tools as Read or Bash(git log:*), with commas between them.";

/**
 * For commander: tools with commas between them, added to those of the same option before. A comma in the brackets of a
 * rule belongs to the rule.
 */
export function tools(value: string, before: readonly string[] = []): readonly string[] {
  const named = value.split(/,(?![^(]*\))/).map((tool) => tool.trim());
  if (!named.every((tool) => /^[^\s,()]+(\([^()]*\))?$/.test(tool))) throw new InvalidArgumentError(FORM);
  return [...before, ...named];
}

/** The same, for names without rules. */
export function toolNames(value: string, before: readonly string[] = []): readonly string[] {
  const named = tools(value);
  if (named.some((tool) => tool.includes("("))) {
    throw new InvalidArgumentError("Write names only, such as Read,Bash; --allow-tools and --deny-tools take rules.");
  }
  return [...before, ...named];
}
