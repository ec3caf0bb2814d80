import { backoffMs } from "@ccsp/timing";

const PAUSES = { firstMs: 2_000, longestMs: 10 * 60_000 };

/**
 * Back-off for keys whose processes died while they waited or could not be started: no process of the key starts during
 * it.
 */
export function createSetbacks() {
  const keys = new Map<string, { readonly many: number; readonly untilMs: number }>();
  return {
    add(key: string, nowMs: number): void {
      const many = (keys.get(key)?.many ?? 0) + 1;
      keys.set(key, { many, untilMs: nowMs + backoffMs(many, PAUSES) });
    },
    /** A process of the key served a run, or the key is forgotten. */
    clear(key: string): void {
      keys.delete(key);
    },
    passed: (key: string, nowMs: number): boolean => nowMs >= (keys.get(key)?.untilMs ?? 0),
  };
}
