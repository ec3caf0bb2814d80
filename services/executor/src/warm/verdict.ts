import type { Waiting, WarmEnd } from "./waiting.js";

export interface Bounds {
  readonly nowMs: number;
  readonly maxAgeMs: number;
  /** For all waiting processes together. */
  readonly memoryBytes: number;
}

export interface Verdict {
  readonly ends: readonly { readonly one: Waiting; readonly why: WarmEnd }[];
  /** Total memory of the processes that stay. */
  readonly bytes: number;
  /** The highest memory of a process of each key. The next process of the key may need that much. */
  readonly sizes: ReadonlyMap<string, number>;
}

/**
 * Decides which waiting processes end. `all` has the oldest first. Memory goes first to the keys that were used last,
 * which are the first in `wanted`. Within a key, it goes first to the youngest process.
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
