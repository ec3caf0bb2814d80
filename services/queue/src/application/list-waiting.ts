import type { ListWaitingRequest } from "@ccsp/protos/ccsp/queue/v1/task_reads.js";
import { Priority } from "@ccsp/protos/ccsp/task/v1/task.js";
import type { LineStore } from "../domain/explain/situation-store.js";
import { startOrder } from "../domain/explain/start-order.js";
import { Faults } from "../domain/fields/faults.js";
import type { Order } from "../domain/order/order.js";
import type { ListStore } from "../domain/search/search-store.js";
import { isEnded, isHeld, type PriorityClass, type Task } from "../domain/task/task.js";
import type { TaskContents } from "../domain/task/task-store.js";
import { classOf } from "../messages/words.js";

/** Tasks of an engine that get a position, and tasks of each other kind in a shard. Each agent costs Redis a command. */
const [MOST_IN_LINE, MOST_ASIDE] = [500, 500];
const [PAGE_SIZE, MOST_PAGE_SIZE] = [50, 200];

export interface WaitingTask {
  readonly task: Task;
  readonly promptStart: Uint8Array | undefined;
  /** From 1, among the tasks of its engine. Undefined: it is not in line. */
  readonly position: number | undefined;
}

interface Asked {
  readonly engine: string;
  readonly class: PriorityClass | undefined;
  readonly from: number;
  readonly size: number;
  readonly promptStarts: boolean;
}

interface WaitingListDeps {
  readonly store: LineStore & Pick<ListStore, "findAll"> & Pick<TaskContents, "findPromptStarts">;
  /** The order in force. It can change. */
  readonly order: () => Order;
  readonly engines: readonly string[];
}

export type ListWaiting = ReturnType<typeof createListWaiting>;

/** Lists what waits in the order in which it starts, and then what something holds. Throws INVALID_FIELD. */
export function createListWaiting({ store, order, engines }: WaitingListDeps) {
  return async (request: ListWaitingRequest): Promise<{ tasks: readonly WaitingTask[]; nextPageToken: string }> => {
    const asked = readListWaiting(request);
    const known = engines.filter((engine) => asked.engine === "" || engine === asked.engine);
    const isMeant = (task: Task): boolean =>
      !isHeld(task.state) &&
      !isEnded(task.state) &&
      known.includes(task.engine) &&
      (asked.class === undefined || task.class === asked.class);
    const to = asked.from + asked.size;
    // One more than the page has says whether there is another one.
    const most = asked.class === undefined ? Math.min(MOST_IN_LINE, to + 1) : MOST_IN_LINE;
    const which = { order: order(), class: asked.class, most };
    const lines = await Promise.all(known.map((engine) => inLine(store, engine, which)));
    const places = lines.flat().toSorted((a, b) => a.position - b.position);
    const ids = places.length > to ? [] : await store.idsAside(MOST_ASIDE);
    // Only the record says the engine and class of a task that is not in line.
    const isFiltered = asked.class !== undefined || asked.engine !== "";
    const aside = isFiltered ? await idsWhere(store, ids, isMeant) : ids;
    const positions = new Map(await idsOf(store, places.slice(asked.from, to)));
    const rest = aside.slice(Math.max(0, asked.from - places.length), Math.max(0, to - places.length));
    const tasks = (await store.findAll([...positions.keys(), ...rest])).filter(isMeant);
    const starts = asked.promptStarts ? await store.findPromptStarts(tasks) : [];
    return {
      tasks: tasks.map((task, i) => ({ task, promptStart: starts[i], position: positions.get(task.id) })),
      nextPageToken: to < places.length + aside.length ? String(to) : "",
    };
  };
}

/** Reads a ListWaiting request. Throws INVALID_FIELD. */
function readListWaiting({ engine, priority, pageSize, pageToken, promptSnippets }: ListWaitingRequest): Asked {
  const faults = new Faults();
  const named = classOf(priority);
  const any = priority === Priority.UNSPECIFIED;
  faults.unless(any || named !== undefined, "priority", "is not a known priority");
  const sizes = `must be 1 to ${MOST_PAGE_SIZE}, or 0 for ${PAGE_SIZE}`;
  faults.unless(pageSize >= 0 && pageSize <= MOST_PAGE_SIZE, "page_size", sizes);
  faults.unless(/^\d{0,6}$/.test(pageToken), "page_token", "is not a token that this service issued");
  faults.check();
  return {
    engine,
    class: named,
    from: Number(pageToken),
    size: pageSize || PAGE_SIZE,
    promptStarts: promptSnippets,
  };
}

/** Records in one read: this takes Redis a millisecond. */
const MOST_AT_ONCE = 500;

async function idsWhere(
  store: Pick<ListStore, "findAll">,
  ids: readonly string[],
  isMeant: (task: Task) => boolean,
): Promise<readonly string[]> {
  const found: string[] = [];
  for (let at = 0; at < ids.length; at += MOST_AT_ONCE) {
    const tasks = await store.findAll(ids.slice(at, at + MOST_AT_ONCE));
    found.push(...tasks.filter(isMeant).map(({ id }) => id));
  }
  return found;
}

type InLine = Awaited<ReturnType<typeof inLine>>[number];

/** The places of an engine in their order, of one class if it is given. A position counts the other classes too. */
async function inLine(
  store: LineStore,
  engine: string,
  which: { readonly order: Order; readonly class: PriorityClass | undefined; readonly most: number },
) {
  const places = startOrder(await store.lineUps(engine, which.most), which.order, which.most);
  return places
    .map((place, before) => ({ ...place, engine, position: before + 1 }))
    .filter((place) => which.class === undefined || place.class === which.class);
}

/** The id of the task in each place, and its position, in the order of the places. */
async function idsOf(store: LineStore, places: readonly InLine[]): Promise<(readonly [string, number])[]> {
  const counts = new Map<string, { readonly line: InLine; count: number }>();
  const nameOf = ({ engine, class: priority, agent }: InLine): string => `${engine}/${priority}/${agent}`;
  for (const place of places) {
    const count = Math.max(counts.get(nameOf(place))?.count ?? 0, place.index + 1);
    counts.set(nameOf(place), { line: place, count });
  }
  const lines = new Map(
    await Promise.all(
      [...counts].map(async ([name, { line, count }]) => [name, await store.idsInLine(line, count)] as const),
    ),
  );
  return places.flatMap((place) => {
    const id = lines.get(nameOf(place))?.[place.index];
    return id === undefined ? [] : [[id, place.position] as const];
  });
}
