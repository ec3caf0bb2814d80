import { orUnavailable, type RedisClient, type ScriptArgument } from "@ccsp/redis-kit";
import type { Bound, Bounds, FullBound } from "../domain/bounds.js";
import type { EnqueueOutcome, NewTask } from "../domain/store.js";
import { CLASSES, type Task } from "../domain/task.js";
import { enqueuedData } from "../messages/event-data.js";
import { asBuffer, decodeTask } from "./decode.js";
import { decodeEmergency } from "./emergency-calls.js";
import { GROUP, type GroupedCall, groupCallsBy } from "./group-calls.js";
import { channels, type QueueKeys } from "./keys.js";
import type { Scripts } from "./scripts.js";

// Long enough for a client that lost its connection over a day's outage; see Enqueue in the contract.
const REQUEST_TTL_MS = 24 * 60 * 60 * 1000;
const bytesOf = ({ prompts, spec }: NewTask): number => prompts.length + spec.length;

/** As `Idle.offer` has it. */
export type Offering = (engine: string, tasks: number) => boolean;

/** `TaskStore.enqueue` and, as `all`, its `enqueueAll`: tasks of one engine that come together go into Redis together. */
export function createEnqueue(
  { redis, scripts, keys }: { readonly redis: RedisClient; readonly scripts: Scripts; readonly keys: QueueKeys },
  { bounds, clock, offer }: { readonly bounds: Bounds; readonly clock: () => number | ""; readonly offer: Offering },
): GroupedCall<NewTask, EnqueueOutcome> {
  const { tasks, prompts, owned, load, parked, alarms, pinned, events, gates } = keys;
  const boundsArg = JSON.stringify({
    ...{ all: pair(bounds.all), agent: pair(bounds.agent) },
    ...Object.fromEntries(CLASSES.map((priority) => [priority, pair(bounds.class[priority])])),
  });

  const own = { tasks, prompts, owned, load, parked, alarms, pinned, events, gates };
  // Engines are few: what is the same for all of an engine's tasks is made once.
  const dataOf = new Map<string, readonly string[]>();
  const eventData = (engine: string): readonly string[] => {
    const data = dataOf.get(engine) ?? CLASSES.map((priority) => enqueuedData(engine, priority));
    dataOf.set(engine, data);
    return data;
  };

  // Engines whose last tasks were all refused: a queue that is full or stopped has no work for whoever waits.
  const refusing = new Set<string>();
  const send = async (engine: string, group: readonly NewTask[]): Promise<EnqueueOutcome[]> => {
    const entries = group.map(entryOf);
    const requests: string[] = [];
    const args: ScriptArgument[] = [clock(), engine, channels.work, REQUEST_TTL_MS, boundsArg, ...eventData(engine)];
    const tasksNow = refusing.has(engine) ? 0 : group.filter(mayStartNow).length;
    args.push(tasksNow > 0 && offer(engine, tasksNow) ? "" : "tell");
    for (const { task, line } of entries) {
      if (task.request) requests.push(keys.request(task.agent, task.request.id));
      args.push(line, asBuffer(task.prompts));
    }
    // A literal that begins with a spread and then gets more gets a hidden class of its own, each time: 1 to 2 µs, and slow to read.
    const answer = scripts.enqueue({ requests, ...own, ...keys.engine(engine) }, ...args);
    const outcomes = readOutcomes(entries, await answer);
    if (outcomes.every(isRefused)) refusing.add(engine);
    else refusing.delete(engine);
    return outcomes;
  };

  return groupCallsBy(
    ({ engine }) => engine,
    (engine, group) => orUnavailable(redis, () => send(engine, group)),
    { ...GROUP, bytesOf },
  );
}

const mayStartNow = ({ start, conditions }: NewTask): boolean => start === undefined && conditions?.pin === undefined;
const isRefused = ({ outcome }: EnqueueOutcome): boolean => outcome === "full" || outcome === "stopped";

const pair = ({ tasks, bytes }: Bound): [number, number] => [tasks, bytes];

type Accepted = Omit<Task, "id" | "state" | "created" | "size">;

/** What of a record is known before Redis has seen it. */
function recordOf(task: NewTask): Accepted {
  const { agent, engine, class: priority, max, spec, trace, conditions, cacheKey, labels, retry } = task;
  const record: { -readonly [F in keyof Accepted]: Accepted[F] } = { agent, engine, class: priority, max, spec };
  // Set one by one: this runs for every task of a batch, and spreading what is mostly absent is slow.
  if (trace) record.trace = trace;
  if (cacheKey !== undefined) record.cacheKey = cacheKey;
  if (conditions) Object.assign(record, conditions);
  if (labels?.length) record.labels = labels;
  if (retry) record.retry = retry;
  return record;
}

interface Entry {
  readonly task: NewTask;
  readonly record: Accepted;
  /** What the bounds count. */
  readonly size: number;
  /** As the script's header has it. */
  readonly line: string;
}

function entryOf(task: NewTask): Entry {
  const record = recordOf(task);
  const members = JSON.stringify(record).slice(1);
  const size = Buffer.byteLength(members) + 1 + task.prompts.byteLength;
  const { id, agent, request, trace, start = task.conditions && 0 } = task;
  const line = `${id} ${CLASSES.indexOf(task.class) + 1} ${agent} ${size} ${request?.hash ?? ""} ${trace} ${start ?? ""} ${members}`;
  return { task, record, size, line };
}

/** The script's answer; only what was added comes without a value. */
function readOutcomes(entries: readonly Entry[], [created, ...words]: readonly string[]): EnqueueOutcome[] {
  let at = 0;
  return entries.map((entry) => {
    const word = words[at++] ?? "";
    return word === "added"
      ? { outcome: word, task: newTask(entry, Number(created)) }
      : outcomeOf(entry, word, words[at++] ?? "");
  });
}

function outcomeOf(entry: Entry, word: string, value: string): EnqueueOutcome {
  const { id } = entry.task;
  if (word === "again") return { outcome: "added", task: decodeTask(id, value) };
  if (word === "stopped") return { outcome: word, stop: decodeEmergency(value) };
  if (word === "known" || word === "conflict") return { outcome: word, id: value };
  const [, scope, name = "", what] = /^(all|class|agent)(?:\/(.+))?\/(tasks|bytes)$/.exec(value) ?? [];
  if (word !== "full" || !isScope(scope) || !isWhat(what)) throw new Error(`script answered ${word} ${value}`);
  return { outcome: word, bound: { scope, name, what } };
}

/** The record as the script stored it, without asking for it. */
function newTask({ task: { id, start = 0 }, record, size }: Entry, created: number): Task {
  // Into the record, which nothing else needs any more: a copy would be a tenth of what a task costs here.
  if (start <= created) return Object.assign(record, { id, created, size, state: "QUEUED" as const });
  return Object.assign(record, { id, created, size, state: "SCHEDULED" as const, since: start, ready: start });
}

const isScope = (text: string | undefined): text is FullBound["scope"] =>
  text === "all" || text === "class" || text === "agent";
const isWhat = (text: string | undefined): text is FullBound["what"] => text === "tasks" || text === "bytes";
