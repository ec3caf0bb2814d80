/** The longest unit is first. */
const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
  ["ms", 1],
] as const;

/**
 * Converts "500ms", "30s", "5m", "1.5h" or "7d" to whole milliseconds (rounded). Returns undefined for any other text.
 * A number without a unit is such a text too, because its unit would be a guess.
 */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text);
  const unit = UNITS.find(([name]) => name === match?.[2]);
  if (match === null || unit === undefined) return undefined;
  const value = Math.round(Number(match[1]) * unit[1]);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Writes a time in the shortest exact form. */
export function formatDuration(ms: number): string {
  const [name, size] = UNITS.find(([, size]) => ms >= size && ms % size === 0) ?? (["ms", 1] as const);
  return `${ms / size}${name}`;
}
