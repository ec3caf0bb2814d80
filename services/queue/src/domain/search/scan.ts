import { ageOfId } from "../task/shard.js";
import { isHeld, type Task } from "../task/task.js";
import { matches, type TaskFilter } from "./filter.js";
import { pageTokenAfter, readPageToken } from "./page-token.js";
import type { CandidatePage, Cursor, ListStore, ScanStore } from "./search-store.js";

/** Records in one read: this takes Redis a millisecond. */
const MOST_AT_ONCE = 500;
const FEWEST_IDS = 10;
/**
 * Tasks that one List checks. The bound exists because a filter may match few tasks, and the scan must not delay other
 * calls.
 */
export const MOST_SCANNED = 5_000;

export interface Listing {
  readonly filter: TaskFilter;
  readonly pageSize: number;
  /** The token of the page before; "" for the first page. */
  readonly pageToken: string;
}

/**
 * A page of the matching tasks, newest first. `nextPageToken` is "" on the last page. A page may have fewer tasks than
 * `pageSize` before the last page, because it looks at a bounded number of tasks. If the filter asks only for tasks that
 * an executor has, it looks at no others. Throws INVALID_FIELD for the token.
 */
export async function listTasks(
  store: ListStore & ScanStore,
  { filter, pageSize, pageToken }: Listing,
): Promise<{ tasks: readonly Task[]; nextPageToken: string }> {
  const tasks: Task[] = [];
  const { agent, states } = filter;
  const before = readPageToken(pageToken);
  let [scanned, last] = [0, ""];
  // Few tasks are held, and those that run for long are older than thousands of others. They have an index.
  const held = states.length > 0 && states.every(isHeld);
  const from = { before, first: pageSize + 1 };
  const inTurn = () => (agent === undefined ? newestOfAll(store, from) : newestOfAgent(store, agent, from));
  const found = held ? heldTasks(store, filter, before) : inTurn();
  for await (const task of found) {
    if (tasks.length === pageSize || scanned === MOST_SCANNED) return { tasks, nextPageToken: pageTokenAfter(last) };
    if (matches(task, filter)) tasks.push(task);
    scanned += 1;
    last = task.id;
  }
  return { tasks, nextPageToken: "" };
}

/** Yields the tasks that executors have and that may match, newest first and older than `before`. */
async function* heldTasks(
  store: ListStore & ScanStore,
  { states, classes, engine, agent }: TaskFilter,
  before: string | undefined,
): AsyncGenerator<Task, void> {
  const where = { states, classes, engine, agent };
  const ids = new Set<string>();
  for (let cursor: Cursor | undefined = await store.beginScan(where); cursor !== undefined; ) {
    const page: CandidatePage = await store.candidates(where, MOST_AT_ONCE, cursor);
    for (const { id } of page.found) if (before === undefined || ageOfId(id) < ageOfId(before)) ids.add(id);
    cursor = page.next;
  }
  const newest = [...ids].sort((a, b) => (ageOfId(a) > ageOfId(b) ? -1 : 1));
  for (let at = 0; at < newest.length; at += MOST_AT_ONCE)
    yield* await store.findAll(newest.slice(at, at + MOST_AT_ONCE));
}

interface From {
  readonly before?: string | undefined;
  readonly first: number;
}

/** The same as `newestOfAll`, for the tasks of one agent. Most lists are of this kind: they need one read a page. */
async function* newestOfAgent(store: ListStore, agent: string, { before, first }: From): AsyncGenerator<Task, void> {
  let [from, most] = [before, first];
  do {
    const page = await store.newestOf(agent, from, most);
    yield* page.tasks;
    [from, most] = [page.next, Math.min(2 * most, MOST_AT_ONCE)];
  } while (from !== undefined);
}

/**
 * Yields every task of all agents: newest first, and older than `before`. Tasks that are accepted meanwhile are not
 * included, so the scan ends. It reads `first` tasks first, then twice as many each time.
 */
export async function* newestOfAll(store: ListStore, { before, first }: From): AsyncGenerator<Task, void> {
  const owners = await store.owners();
  const count = Math.max(FEWEST_IDS, Math.ceil(first / Math.max(1, owners.length)));
  const lines = owners.map((owner): Line => ({ owner, ids: [], age: "", before, count, more: true }));
  await Promise.all(lines.map((line) => readOn(store, line)));
  // Sorted, the list with the newest task last. A binary search finds the place of a list, because there may be
  // hundreds of agents.
  const inOrder = lines.filter(({ ids }) => ids.length > 0).toSorted((a, b) => (a.age < b.age ? -1 : 1));
  const putBack = (line: Line): void => {
    if (line.ids.length > 0) inOrder.splice(placeOf(line, inOrder), 0, line);
  };
  /** All its ids are used. It is read on only when the next task is asked for: most lists end with their first page. */
  let used: Line | undefined;
  for (let most = first; ; most = Math.min(2 * most, MOST_AT_ONCE)) {
    const ids: string[] = [];
    while (ids.length < most) {
      if (used?.more) {
        await readOn(store, used);
        putBack(used);
      }
      used = inOrder.pop();
      if (used === undefined) break;
      ids.push(used.ids.pop() ?? "");
      if (used.ids.length === 0) continue;
      used.age = ageOfId(used.ids.at(-1) ?? "");
      putBack(used);
      used = undefined;
    }
    if (ids.length === 0) return;
    yield* await store.findAll(ids);
  }
}

/** The ids of one agent that were read but not used yet, oldest first. */
interface Line {
  readonly owner: string;
  ids: string[];
  /** Age (see `ageOfId`) of the newest of these ids. */
  age: string;
  before: string | undefined;
  count: number;
  more: boolean;
}

async function readOn(store: ListStore, line: Line): Promise<void> {
  const ids = await store.listIds(line.owner, line.before, line.count);
  line.more = ids.length === line.count;
  line.ids = ids.toReversed();
  line.age = ageOfId(ids[0] ?? "");
  line.before = ids.at(-1);
  line.count = Math.min(2 * line.count, MOST_AT_ONCE);
}

function placeOf({ age }: Line, inOrder: readonly Line[]): number {
  let [from, to] = [0, inOrder.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((inOrder[middle]?.age ?? "") < age) from = middle + 1;
    else to = middle;
  }
  return from;
}
