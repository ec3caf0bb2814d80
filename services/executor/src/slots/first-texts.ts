/** Recent first texts that are compared with what is usual. */
const RECENT = 5;
const REMEMBERED = 200;
/** With fewer, nobody knows what is usual. */
const LEAST = 20;

/** How long runs of one engine take until their first text. */
export function createFirstTexts() {
  const times: number[] = [];
  return {
    add(ms: number): void {
      times.push(ms);
      if (times.length > REMEMBERED) times.shift();
    },
    /**
     * Medians of the newest runs, and of the faster half of all: a host that was slow for long does not look usual.
     * Undefined: too few runs.
     */
    medians(): { readonly recentMs: number; readonly usualMs: number } | undefined {
      if (times.length < LEAST) return undefined;
      const faster = times.toSorted((a, b) => a - b).slice(0, Math.ceil(times.length / 2));
      return { recentMs: median(times.slice(-RECENT)), usualMs: median(faster) };
    },
  };
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
