/** What makes a group too large. Redis does nothing else while a script runs, so a group is soon done. */
export interface GroupBounds<T> {
  readonly count: number;
  readonly bytes: number;
  readonly bytesOf: (item: T) => number;
}

/**
 * Turns a call for many items into one for a single item: what is asked for in one turn of the event loop goes out together, as one
 * call or as several that are each within the bounds. So the busier this process is, the less each item costs; alone in its turn an
 * item waits for nothing. `run` answers in the order of its items; when it rejects, every item of its group does.
 */
export function groupCalls<T, R>(
  run: (items: readonly T[]) => Promise<readonly R[]>,
  { count, bytes, bytesOf }: GroupBounds<T>,
): (item: T) => Promise<R> {
  interface Call {
    readonly item: T;
    readonly resolve: (answer: R) => void;
    readonly reject: (reason: unknown) => void;
  }
  let waiting: Call[] = [];

  const send = async (group: readonly Call[]): Promise<void> => {
    try {
      const answers = await run(group.map(({ item }) => item));
      if (answers.length !== group.length) throw new Error(`${group.length} calls, ${answers.length} answers`);
      for (const [i, answer] of answers.entries()) group[i]?.resolve(answer);
    } catch (error) {
      for (const call of group) call.reject(error);
    }
  };

  const sendAll = (): void => {
    const calls = waiting;
    waiting = [];
    let [start, size] = [0, 0];
    for (const [i, { item }] of calls.entries()) {
      const more = bytesOf(item);
      if (i > start && (i - start >= count || size + more > bytes)) {
        void send(calls.slice(start, i));
        [start, size] = [i, 0];
      }
      size += more;
    }
    void send(calls.slice(start));
  };

  return (item) =>
    new Promise<R>((resolve, reject) => {
      if (waiting.length === 0) setImmediate(sendAll);
      waiting.push({ item, resolve, reject });
    });
}

/** One `groupCalls` for each value of `keyOf`, such as an engine. */
export function groupCallsBy<T, R>(
  keyOf: (item: T) => string,
  run: (key: string, items: readonly T[]) => Promise<readonly R[]>,
  bounds: GroupBounds<T>,
): (item: T) => Promise<R> {
  const groups = new Map<string, (item: T) => Promise<R>>();
  return (item) => {
    const key = keyOf(item);
    let call = groups.get(key);
    if (call === undefined) {
      call = groupCalls<T, R>((items) => run(key, items), bounds);
      groups.set(key, call);
    }
    return call(item);
  };
}
