import { ageOfId } from "../task/shard.js";
import type { Task } from "../task/task.js";
import { matches, type TaskFilter } from "./filter.js";
import { pageTokenAfter, readPageToken } from "./page-token.js";
import type { ListStore } from "./search-store.js";

/** Records that are read at once: a millisecond of Redis. */
const MOST_AT_ONCE = 500;
const FEWEST_IDS = 10;
/** Tasks that one List looks at, so that a filter which matches little holds up nobody. */
export const MOST_LOOKED_AT = 5_000;

export interface Listing {
  readonly filter: TaskFilter;
  readonly pageSize: number;
  /** Of the page before; "" for the first page. */
  readonly pageToken: string;
}

/** A page of the tasks that match, newest first; `nextPageToken` is "" on the last page. Throws INVALID_FIELD for the token. */
export async function listTasks(
  store: ListStore,
  { filter, pageSize, pageToken }: Listing,
): Promise<{ tasks: readonly Task[]; nextPageToken: string }> {
  const tasks: Task[] = [];
  const before = readPageToken(pageToken);
  let [looked, last] = [0, ""];
  for await (const task of newestFirst(store, { agent: filter.agent, before, first: pageSize + 1 })) {
    if (tasks.length === pageSize || looked === MOST_LOOKED_AT) return { tasks, nextPageToken: pageTokenAfter(last) };
    if (matches(task, filter)) tasks.push(task);
    looked += 1;
    last = task.id;
  }
  return { tasks, nextPageToken: "" };
}

/**
 * Every task of an agent, or of all when none is named, newest first and older than `before`. What is accepted meanwhile is not
 * among them, so it comes to an end. `first` tasks are read at first, then more and more at once.
 */
export async function* newestFirst(
  store: ListStore,
  { agent, before, first }: { agent: string | undefined; before?: string | undefined; first: number },
): AsyncGenerator<Task, void> {
  const owners = agent === undefined ? await store.owners() : [agent];
  const count = Math.max(FEWEST_IDS, Math.ceil(first / Math.max(1, owners.length)));
  const lines = owners.map((owner): Line => ({ owner, ids: [], age: "", before, count, more: true }));
  await Promise.all(lines.map((line) => readOn(store, line)));
  // The line with the newest is the last. Each task is put among hundreds of agents in a few comparisons.
  const inOrder = lines.filter(({ ids }) => ids.length > 0).toSorted((a, b) => (a.age < b.age ? -1 : 1));
  for (let most = first; ; most = Math.min(2 * most, MOST_AT_ONCE)) {
    const ids: string[] = [];
    while (ids.length < most) {
      const line = inOrder.pop();
      if (line === undefined) break;
      ids.push(line.ids.pop() ?? "");
      if (line.ids.length === 0 && line.more) await readOn(store, line);
      line.age = ageOfId(line.ids.at(-1) ?? "");
      if (line.ids.length > 0) inOrder.splice(placeOf(line, inOrder), 0, line);
    }
    if (ids.length === 0) return;
    yield* await store.findAll(ids);
  }
}

/** One agent's ids that were read and not used yet, oldest first. */
interface Line {
  readonly owner: string;
  ids: string[];
  /** Of the newest of them. */
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
