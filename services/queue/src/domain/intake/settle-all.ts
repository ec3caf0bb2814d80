/**
 * Runs `work` for each item and its answer. The results have the order of the items. A rejected answer stays rejected,
 * and an item without an answer is rejected.
 */
export function settleAnswers<T, A, R>(
  items: readonly T[],
  answers: readonly PromiseSettledResult<A>[],
  work: (item: T, answer: A) => R | Promise<R>,
): Promise<PromiseSettledResult<R>[]> {
  return settleAll(items, (item, i) => {
    const answer = answers[i];
    if (answer?.status !== "fulfilled") throw answer?.reason ?? new Error("there is no answer for each item");
    return work(item, answer.value);
  });
}

/**
 * `Promise.allSettled` over the work of each item, but without a promise for synchronous work: a batch has hundreds of
 * items.
 */
export async function settleAll<T, R>(
  items: readonly T[],
  work: (item: T, index: number) => R | Promise<R>,
): Promise<PromiseSettledResult<R>[]> {
  const results: PromiseSettledResult<R>[] = [];
  const later: Promise<void>[] = [];
  const settle = async (index: number, value: Promise<R>): Promise<void> => {
    try {
      results[index] = { status: "fulfilled", value: await value };
    } catch (reason) {
      results[index] = { status: "rejected", reason };
    }
  };
  for (const [index, item] of items.entries()) {
    try {
      const value = work(item, index);
      if (value instanceof Promise) later.push(settle(index, value));
      else results[index] = { status: "fulfilled", value };
    } catch (reason) {
      results[index] = { status: "rejected", reason };
    }
  }
  if (later.length > 0) await Promise.all(later);
  return results;
}
