/** The largest group. Redis does nothing else while a script runs, so a group must be done soon. */
export interface GroupBounds<T> {
  readonly count: number;
  readonly bytes: number;
  readonly bytesOf: (item: T) => number;
}

/**
 * The bounds of one script call that takes tasks or changes. Redis works on 25 of them for half a millisecond. This
 * process prepares the next group in that time: with 50 in flight, one group is here and one is in Redis.
 */
export const GROUP = { count: 25, bytes: 1024 * 1024 };

export interface GroupedCall<T, R> {
  (item: T): Promise<R>;
  /** For many items in one call. It makes one promise for all of them. Never rejects. */
  readonly all: (items: readonly T[]) => Promise<PromiseSettledResult<R>[]>;
}

type Settle<R> = (result: PromiseSettledResult<R>) => void;
type Add<T, R> = (item: T, settle: Settle<R>) => void;

/**
 * Turns a call for many items into a call for one item. All items of one turn of the event loop go out together, in one
 * call or in several calls that are each within the bounds. So an item costs less when this process is busier, and an
 * item that is alone in its turn does not wait. `run` answers in the order of its items. When it rejects, every item of
 * its group rejects.
 */
export function groupCalls<T, R>(
  run: (items: readonly T[]) => Promise<readonly R[]>,
  bounds: GroupBounds<T>,
): GroupedCall<T, R> {
  return withPromises(collect(run, bounds));
}

/** One `groupCalls` for each value of `keyOf`, such as an engine. */
export function groupCallsBy<T, R>(
  keyOf: (item: T) => string,
  run: (key: string, items: readonly T[]) => Promise<readonly R[]>,
  bounds: GroupBounds<T>,
): GroupedCall<T, R> {
  const groups = new Map<string, Add<T, R>>();
  return withPromises((item, settle) => {
    const key = keyOf(item);
    let add = groups.get(key);
    if (add === undefined) {
      add = collect<T, R>((items) => run(key, items), bounds);
      groups.set(key, add);
    }
    add(item, settle);
  });
}

function withPromises<T, R>(add: Add<T, R>): GroupedCall<T, R> {
  const one = (item: T): Promise<R> =>
    new Promise((resolve, reject) => {
      add(item, (result) => (result.status === "fulfilled" ? resolve(result.value) : reject(result.reason)));
    });
  const all = (items: readonly T[]): Promise<PromiseSettledResult<R>[]> =>
    new Promise((resolve) => {
      const results: PromiseSettledResult<R>[] = [];
      let left = items.length;
      if (left === 0) resolve(results);
      for (const [i, item] of items.entries()) {
        add(item, (result) => {
          results[i] = result;
          left -= 1;
          if (left === 0) resolve(results);
        });
      }
    });
  return Object.assign(one, { all });
}

function collect<T, R>(
  run: (items: readonly T[]) => Promise<readonly R[]>,
  { count, bytes, bytesOf }: GroupBounds<T>,
): Add<T, R> {
  interface Waiting {
    readonly item: T;
    readonly settle: Settle<R>;
  }
  let waiting: Waiting[] = [];

  const send = async (group: readonly Waiting[]): Promise<void> => {
    try {
      const answers = await run(group.map(({ item }) => item));
      if (answers.length !== group.length) throw new Error(`${group.length} calls, ${answers.length} answers`);
      for (const [i, value] of answers.entries()) group[i]?.settle({ status: "fulfilled", value });
    } catch (reason) {
      for (const { settle } of group) settle({ status: "rejected", reason });
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

  return (item, settle) => {
    if (waiting.length === 0) setImmediate(sendAll);
    waiting.push({ item, settle });
  };
}
