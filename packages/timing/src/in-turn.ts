/**
 * Returns a function that does `work` once at a time. While it is in progress, all callers share the next turn, which
 * begins after it: a turn that runs may have missed what they want done. A turn that fails does not stop the next one.
 */
export function inTurn(work: () => Promise<void>): () => Promise<void> {
  let current: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  const begin = (): Promise<void> => {
    current = work().finally(() => {
      current = undefined;
    });
    return current;
  };
  return () => {
    if (current === undefined) return begin();
    next ??= current
      .catch(() => {})
      .then(() => {
        next = undefined;
        return current ?? begin();
      });
    return next;
  };
}
