import { setImmediate as nextTurn } from "node:timers/promises";
import { within } from "@ccsp/timing";

interface Call<T, R> {
  readonly item: T;
  readonly resolve: (answer: R) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Turns a call for many items into a call for one item, like `groupCalls`. This one is for calls that take long even
 * for few items. For each key, one group is under way at a time. All items that come in that time are the next group.
 * An item that waited for `patienceMs` rejects with `late()` and is in no later group. `run` answers in the order of
 * its items. When it rejects, every item of its group rejects.
 */
export function groupInTurn<K, T, R>(
  run: (key: K, items: readonly T[]) => Promise<readonly R[]>,
  { keyOf, patienceMs, late }: { keyOf: (item: T) => K; patienceMs: number; late: () => Error },
): (item: T) => Promise<R> {
  const waiting = new Map<K, Set<Call<T, R>>>();

  const runAll = async (key: K, calls: Set<Call<T, R>>): Promise<void> => {
    // The first group has all items of this turn of the event loop.
    await nextTurn();
    while (calls.size > 0) {
      const group = [...calls];
      calls.clear();
      try {
        const items = group.map(({ item }) => item);
        const answers = await run(key, items);
        if (answers.length !== group.length) throw new Error(`${group.length} calls, ${answers.length} answers`);
        for (const [i, answer] of answers.entries()) group[i]?.resolve(answer);
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    waiting.delete(key);
  };

  return async (item) => {
    const key = keyOf(item);
    let calls = waiting.get(key);
    if (calls === undefined) {
      calls = new Set();
      waiting.set(key, calls);
      void runAll(key, calls);
    }
    let giveUp = (): unknown => undefined;
    const answer = new Promise<R>((resolve, reject) => {
      const call = { item, resolve, reject };
      calls.add(call);
      giveUp = () => calls.delete(call);
    });
    try {
      return await within(patienceMs, answer, () => {
        throw late();
      });
    } finally {
      giveUp();
    }
  };
}
