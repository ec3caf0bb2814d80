/** From long to short. */
const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
  ["ms", 1],
] as const;

/**
 * "500ms", "30s", "5m", "1.5h", "7d" in milliseconds, rounded to whole ones. Undefined for anything else, also for a bare number: its unit would
 * be a guess.
 */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text);
  const unit = UNITS.find(([name]) => name === match?.[2]);
  if (match === null || unit === undefined) return undefined;
  const value = Math.round(Number(match[1]) * unit[1]);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** The shortest exact way to write it. */
export function formatDuration(ms: number): string {
  const [name, size] = UNITS.find(([, size]) => ms >= size && ms % size === 0) ?? (["ms", 1] as const);
  return `${ms / size}${name}`;
}
