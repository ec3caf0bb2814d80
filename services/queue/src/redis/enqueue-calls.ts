import { isOutOfMemory, orUnavailable, type RedisClient, type ScriptArgument } from "@ccsp/redis-kit";
import { type Bounds, boundNamed, boundsByName } from "../domain/intake/bounds.js";
import type { EnqueueOutcome, NewTask } from "../domain/intake/intake-store.js";
import { CLASSES, type Task } from "../domain/task/task.js";
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

interface EnqueueOptions {
  readonly bounds: Bounds;
  /** Of the shard's node. */
  readonly memory: { isFull(): boolean; noteFull(): void };
  readonly clock: () => number | "";
  readonly offer: Offering;
}

/** `IntakeStore.enqueue` and, as `all`, its `enqueueAll`: tasks of one engine that come together go into Redis together. */
export function createEnqueue(
  { redis, scripts, keys }: { readonly redis: RedisClient; readonly scripts: Scripts; readonly keys: QueueKeys },
  { bounds, memory, clock, offer }: EnqueueOptions,
): GroupedCall<NewTask, EnqueueOutcome> {
  const { tasks, prompts, owned, load, parked, alarms, pinned, events, gates } = keys;
  const byName = boundsByName(bounds);
  const boundsArg = JSON.stringify(byName);
  const nothingMoreArg = JSON.stringify({ ...byName, memory: "memory" });

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
    // It writes nothing then, and tells who came before.
    if (memory.isFull()) return sendWithin(nothingMoreArg, engine, group);
    try {
      return await sendWithin(boundsArg, engine, group);
    } catch (error) {
      if (!(error instanceof Error) || !isOutOfMemory(error)) throw error;
      memory.noteFull();
      return sendWithin(nothingMoreArg, engine, group);
    }
  };
  const sendWithin = async (limits: string, engine: string, group: readonly NewTask[]): Promise<EnqueueOutcome[]> => {
    const entries = group.map(entryOf);
    const requests: string[] = [];
    const args: ScriptArgument[] = [clock(), engine, channels.work, REQUEST_TTL_MS, limits, ...eventData(engine)];
    const tasksNow = refusing.has(engine) || limits === nothingMoreArg ? 0 : group.filter(mayStartNow).length;
    args.push(tasksNow > 0 && offer(engine, tasksNow) ? "" : "tell");
    for (const { task, line } of entries) {
      if (task.request) requests.push(keys.request(task.agent, task.request.id));
      args.push(line, asBuffer(task.prompts));
    }
    // A literal that begins with a spread and then gets more gets a hidden class of its own, each time: 1 to 2 µs, and slow to read.
    const answer = scripts.enqueue({ requests, ...own, ...keys.engine(engine) }, ...args);
    const outcomes = await withOthers(readOutcomes(entries, await answer), group, (again) =>
      sendWithin(limits, engine, again),
    );
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

/** A request id whose payload is another may have come with the one that means the same: asked once more, with that one's hash. */
async function withOthers(
  outcomes: EnqueueOutcome[],
  group: readonly NewTask[],
  send: (again: readonly NewTask[]) => Promise<EnqueueOutcome[]>,
): Promise<EnqueueOutcome[]> {
  const again = group.flatMap((task, i): [number, NewTask][] => {
    const { id, otherHash } = task.request ?? {};
    if (outcomes[i]?.outcome !== "conflict" || id === undefined || otherHash === undefined) return [];
    return [[i, { ...task, request: { id, hash: otherHash() } }]];
  });
  if (again.length === 0) return outcomes;
  const others = await send(again.map(([, task]) => task));
  const changed = new Map(again.map(([i], at) => [i, others[at]]));
  return outcomes.map((outcome, i) => changed.get(i) ?? outcome);
}

const mayStartNow = ({ start, conditions }: NewTask): boolean => start === undefined && conditions?.pin === undefined;
const isRefused = ({ outcome }: EnqueueOutcome): boolean => outcome === "full" || outcome === "stopped";

/** What of a record is known before Redis has seen it. */
type NewRecord = Omit<Task, "id" | "state" | "created" | "size">;

function recordOf(task: NewTask): NewRecord {
  const { agent, engine, class: priority, max, spec, trace, conditions, cacheKey, labels, retry } = task;
  const record: { -readonly [F in keyof NewRecord]: NewRecord[F] } = { agent, engine, class: priority, max, spec };
  // Set one by one: this runs for every task of a batch, and `...rest` doubles the cost of an entry (1.1 to 2.3 µs).
  if (trace !== undefined) record.trace = trace;
  if (cacheKey !== undefined) record.cacheKey = cacheKey;
  if (conditions) Object.assign(record, conditions);
  if (labels) record.labels = labels;
  if (retry) record.retry = retry;
  return record;
}

interface Entry {
  readonly task: NewTask;
  readonly record: NewRecord;
  /** What the bounds count. */
  readonly size: number;
  /** As the script's header has it. */
  readonly line: string;
}

function entryOf(task: NewTask): Entry {
  const record = recordOf(task);
  const members = JSON.stringify(record).slice(1);
  const size = Buffer.byteLength(members) + 1 + task.prompts.byteLength;
  const { id, agent, request, trace = "", start = task.conditions && 0 } = task;
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
  const bound = word === "full" ? boundNamed(value) : undefined;
  if (bound === undefined) throw new Error(`script answered ${word} ${value}`);
  return { outcome: "full", bound };
}

/** The record as the script stored it, without asking for it. */
function newTask({ task: { id, start = 0 }, record, size }: Entry, created: number): Task {
  // Into the record, which nothing else needs any more: a copy would be a tenth of what a task costs here.
  if (start <= created) return Object.assign(record, { id, created, size, state: "QUEUED" as const });
  return Object.assign(record, { id, created, size, state: "SCHEDULED" as const, since: start, ready: start });
}
