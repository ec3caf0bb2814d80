const BARS = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/** One character per number: its height is its share of the largest one. A space is zero. */
export function sparkline(numbers: readonly number[]): string {
  const largest = Math.max(...numbers, 0);
  return numbers
    .map((number) => (number <= 0 ? " " : (BARS[Math.ceil((number / largest) * BARS.length) - 1] ?? "█")))
    .join("");
}
