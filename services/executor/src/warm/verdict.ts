import type { Waiting, WarmEnd } from "./waiting.js";

export interface Bounds {
  readonly nowMs: number;
  readonly maxAgeMs: number;
  /** Of all that wait. */
  readonly memoryBytes: number;
}

export interface Verdict {
  readonly ends: readonly { readonly one: Waiting; readonly why: WarmEnd }[];
  /** What the others have. */
  readonly bytes: number;
  /** The most that one of each key has: so much its next one may need. */
  readonly sizes: ReadonlyMap<string, number>;
}

/**
 * Which of the waiting processes (the oldest first) are to end. Those of keys that were used last, the first of `wanted`, have the memory
 * first, and of each key the youngest.
 */
export function judge(all: readonly Waiting[], wanted: ReadonlyMap<string, number>, bounds: Bounds): Verdict {
  const order = [...wanted.keys()];
  const rank = ({ kind }: Waiting) => (wanted.has(kind.key) ? order.indexOf(kind.key) : order.length);
  const kept = new Map<string, number>();
  const ends: { readonly one: Waiting; readonly why: WarmEnd }[] = [];
  const sizes = new Map<string, number>();
  let bytes = 0;
  for (const one of all.toReversed().toSorted((a, b) => rank(a) - rank(b))) {
    const { key } = one.kind;
    const many = (kept.get(key) ?? 0) + 1;
    const own = one.process.memoryBytes();
    sizes.set(key, Math.max(sizes.get(key) ?? 0, own));
    if (bounds.nowMs - one.since >= bounds.maxAgeMs) ends.push({ one, why: "age" });
    else if (many > (wanted.get(key) ?? 0)) ends.push({ one, why: "unwanted" });
    else if (bytes + own > bounds.memoryBytes) ends.push({ one, why: "memory" });
    else {
      kept.set(key, many);
      bytes += own;
    }
  }
  return { ends, bytes, sizes };
}
