/** Recent first texts that are compared with what is usual. */
const RECENT = 5;
const REMEMBERED = 200;
/** With fewer, nobody knows what is usual. */
const LEAST = 20;

/** How long runs of one engine take until their first text. */
export function createFirstTexts() {
  const times: { readonly ms: number; readonly begunMs: number }[] = [];
  return {
    /** A run that began at `begunMs` had its first text after `ms`. */
    add(ms: number, begunMs: number): void {
      times.push({ ms, begunMs });
      if (times.length > REMEMBERED) times.shift();
    },
    /**
     * Medians of the newest runs, and of the faster half of all: a host that was slow for long does not look usual. And
     * when the first of the newest runs began. Undefined: too few runs.
     */
    medians(): { readonly recentMs: number; readonly usualMs: number; readonly sinceMs: number } | undefined {
      if (times.length < LEAST) return undefined;
      const recent = times.slice(-RECENT);
      const all = times.map(({ ms }) => ms);
      const faster = all.toSorted((a, b) => a - b).slice(0, Math.ceil(all.length / 2));
      return {
        recentMs: median(all.slice(-RECENT)),
        usualMs: median(faster),
        sinceMs: Math.min(...recent.map(({ begunMs }) => begunMs)),
      };
    },
  };
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
