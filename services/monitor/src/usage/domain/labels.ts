import { OTHER } from "./run.js";

/** Longer values are counted as `other`. */
const MOST_CHARACTERS = 128;
const MOST_LABEL_CHARACTERS = 64;

/** Returns the value as it is counted. */
export const counted = (value: string): string => (value.length > MOST_CHARACTERS ? OTHER : value);

/**
 * Returns the labels by which a run is counted: the allowed ones as `key=value`, with commas, in the order of the list.
 * A value that is long or has a comma is counted as `other`, and so is a run that has only labels that are not allowed.
 */
export function labelOf(labels: Readonly<Record<string, string>>, allowed: readonly string[]): string {
  const of = new Map(Object.entries(labels));
  if (of.size === 0) return "";
  const known = allowed.flatMap((key) => {
    const value = of.get(key);
    if (value === undefined) return [];
    return [`${key}=${value.length > MOST_LABEL_CHARACTERS || value.includes(",") ? OTHER : value}`];
  });
  return known.length === 0 ? OTHER : known.join(",");
}
