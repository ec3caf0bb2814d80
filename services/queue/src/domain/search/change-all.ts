import type { Moves } from "../lifecycle/moves.js";
import type { Move } from "../task/move.js";
import type { State, Task } from "../task/task.js";
import { isSurelyMeant, matches, type TaskFilter } from "./filter.js";
import type { CandidatePage, Cursor, ListStore, ScanStore, Where } from "./search-store.js";

/**
 * Tasks of one page that is changed. Changes go to Redis in groups, so that other calls get their turn between them.
 */
const AT_ONCE = 128;
/** Tasks of one page that is only counted: this takes Redis a millisecond. */
const COUNTED_AT_ONCE = 1_000;

/** How many tasks, by agent. */
export type Counts = ReadonlyMap<string, number>;

export interface Change {
  /** Only tasks in these states are changed. */
  readonly states: readonly State[];
  /**
   * The greatest number of scans. A scan is repeated while it finds more tasks. The reason: a task can move to a place
   * that the scan has already passed, for example when its lease is released.
   */
  readonly mostScans: number;
  readonly after: (task: Task) => Move | undefined;
  /** Whether a task in this state counts as changed, by this call or by another. */
  readonly reached: (state: State) => boolean;
}

/** A task that matched when it was found. */
interface Found {
  readonly id: string;
  readonly agent: string;
  /** When the scan began (ms). Tasks that were accepted later are not changed. */
  readonly asOf: number;
}

/**
 * Changes every task that the filter matches, or only counts them. Throws the error of the first change that failed.
 */
export async function changeAll(
  { store, moves }: { readonly store: ScanStore & ListStore; readonly moves: Moves },
  filter: TaskFilter,
  change: Change,
  { dryRun, signal }: { readonly dryRun: boolean; readonly signal: AbortSignal },
): Promise<{ readonly matched: Counts; readonly changed: Counts }> {
  const counts = { matched: new Map<string, number>(), changed: new Map<string, number>() };
  const { agent, engine, classes } = filter;
  const states = change.states.filter((state) => filter.states.length === 0 || filter.states.includes(state));
  const where: Where = { states, classes, engine, agent };
  const start = await store.beginScan(where);
  const met = new Set<string>();

  /** Returns the matching tasks of a page that no earlier page had. */
  const meet = async (page: CandidatePage): Promise<readonly Found[]> => {
    const found = (await matching(store, page, { filter, states })).filter(({ id }) => met.size < met.add(id).size);
    for (const task of found) count(counts.matched, task);
    return found;
  };
  const changePage = async (found: readonly Found[]): Promise<void> => {
    // A failure is thrown only after all changes of the page are done.
    const settled = await Promise.allSettled(found.map((task) => changeOne(moves, task, { filter, change })));
    for (const [i, each] of settled.entries()) {
      const task = found[i];
      if (task && each.status === "fulfilled" && each.value) count(counts.changed, task);
    }
    const failed = settled.find((each) => each.status === "rejected");
    if (failed) throw failed.reason;
  };
  /**
   * Reads the next page while the changes of the previous page are under way. So Redis and this process work in
   * parallel.
   */
  const scan = async (): Promise<void> => {
    let underWay = Promise.resolve();
    try {
      for (let cursor: Cursor | undefined = start; cursor !== undefined; ) {
        const page: CandidatePage = await store.candidates(where, dryRun ? COUNTED_AT_ONCE : AT_ONCE, cursor);
        signal.throwIfAborted();
        const found = await meet(page);
        const before = underWay;
        if (!dryRun) underWay = changePage(found);
        underWay.catch(() => undefined);
        await before;
        cursor = page.next;
      }
    } finally {
      await underWay;
    }
  };

  for (let scans = 0; scans < (dryRun ? 1 : change.mostScans) && states.length > 0; scans++) {
    const metBefore = met.size;
    await scan();
    if (met.size === metBefore) break;
  }
  return counts;
}

async function changeOne(
  moves: Moves,
  { id, asOf }: Found,
  { filter, change: { states, after, reached } }: { readonly filter: TaskFilter; readonly change: Change },
): Promise<boolean> {
  const { outcome, to } = await moves.decideAndMove(id, (task) =>
    states.includes(task.state) && task.created <= asOf && matches(task, filter) ? after(task) : undefined,
  );
  return outcome === "ok" && to !== undefined && reached(to);
}

/** The tasks of a page that the filter matches. Reads a record only when the page itself cannot decide. */
async function matching(
  store: ListStore,
  { asOf, found }: CandidatePage,
  { filter, states }: { readonly filter: TaskFilter; readonly states: readonly State[] },
): Promise<readonly Found[]> {
  const sure = found.flatMap(({ id, waits }): Found[] => {
    const isSure = waits && waits.sinceMs <= asOf && isSurelyMeant(filter, waits.sinceMs);
    return isSure ? [{ id, agent: waits.agent, asOf }] : [];
  });
  if (sure.length === found.length) return sure;
  const known = new Set(sure.map(({ id }) => id));
  const records = await store.findAll(found.map(({ id }) => id).filter((id) => !known.has(id)));
  const read = records.filter((task) => states.includes(task.state) && task.created <= asOf && matches(task, filter));
  return [...sure, ...read.map(({ id, agent }) => ({ id, agent, asOf }))];
}

function count(counts: Map<string, number>, { agent }: Found): void {
  counts.set(agent, (counts.get(agent) ?? 0) + 1);
}
