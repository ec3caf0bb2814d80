import { isOutOfMemory, orUnavailable, type ScriptArgument } from "@ccsp/redis-kit";
import { scopeName } from "../domain/gates/scope.js";
import { type Bounds, boundNamed, boundsByName } from "../domain/intake/bounds.js";
import type { EnqueueOutcome, NewTask } from "../domain/intake/intake-store.js";
import { CLASSES, type Task } from "../domain/task/task.js";
import { enqueuedData } from "../messages/event-data.js";
import { asBuffer, decodeTask } from "./decode.js";
import { decodeEmergency } from "./emergency-calls.js";
import { decodeGate } from "./gate-calls.js";
import { GROUP, type GroupedCall, groupCallsBy } from "./group-calls.js";
import { channels } from "./keys.js";
import type { Shard } from "./shard.js";

/** A client may repeat a request after an outage of a day: see Enqueue in the contract. */
const REQUEST_TTL_MS = 24 * 60 * 60 * 1000;
const bytesOf = ({ prompts, spec }: NewTask): number => prompts.length + spec.length;

/** See `WaitingExecutors.offer`. */
export type Offering = (engine: string, tasks: number) => boolean;

interface EnqueueOptions {
  readonly bounds: Bounds;
  /** The memory of the shard's node. */
  readonly memory: { isFull(): boolean; noteFull(): void };
  readonly offer: Offering;
}

/**
 * `IntakeStore.enqueue` and, as `all`, its `enqueueAll`. Tasks of one engine that come at the same time go to Redis in
 * one call.
 */
export function createEnqueue(
  shard: Shard,
  { bounds, memory, offer }: EnqueueOptions,
): GroupedCall<NewTask, EnqueueOutcome> {
  const { redis, scripts, keys, clock } = shard;
  const { tasks, prompts, owned, load, parked, alarms, pinned, events, gates, holds } = keys;
  const byName = boundsByName(bounds);
  const boundsArg = JSON.stringify(byName);
  const nothingMoreArg = JSON.stringify({ ...byName, memory: "memory" });
  const own = { tasks, prompts, owned, load, parked, alarms, pinned, events, gates, holds };
  const eventData = createEventData();
  // Engines whose last tasks were all refused. A queue that is full, stopped or out of budget has no work for an executor that waits.
  const refusing = new Set<string>();

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
    // V8 gives an object literal that begins with a spread and then gets more members a hidden class of its own at each
    // call. That costs 1 to 2 µs, and the object is slow to read.
    const answer = scripts.enqueue({ requests, ...own, ...keys.engine(engine) }, ...args);
    const outcomes = await withOthers(readOutcomes(entries, await answer), group, (again) =>
      sendWithin(limits, engine, again),
    );
    if (outcomes.every(isRefused)) refusing.add(engine);
    else refusing.delete(engine);
    return outcomes;
  };

  const send = async (engine: string, group: readonly NewTask[]): Promise<EnqueueOutcome[]> => {
    // The script then stores no task, and still answers which requests came before.
    if (memory.isFull()) return sendWithin(nothingMoreArg, engine, group);
    try {
      return await sendWithin(boundsArg, engine, group);
    } catch (error) {
      if (!(error instanceof Error) || !isOutOfMemory(error)) throw error;
      memory.noteFull();
      return sendWithin(nothingMoreArg, engine, group);
    }
  };

  return groupCallsBy(
    ({ engine }) => engine,
    (engine, group) => orUnavailable(redis, () => send(engine, group)),
    { ...GROUP, bytesOf },
  );
}

/** The event data of an engine's new tasks, by class. There are few engines, so it is made once for each. */
function createEventData(): (engine: string) => readonly string[] {
  const dataOf = new Map<string, readonly string[]>();
  return (engine) => {
    const data = dataOf.get(engine) ?? CLASSES.map((priority) => enqueuedData(engine, priority));
    dataOf.set(engine, data);
    return data;
  };
}

/**
 * A request id that is known with another hash may have been stored with the hash of the other payload, which means the
 * same. Such tasks are sent once more, with that hash.
 */
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
const isRefused = ({ outcome }: EnqueueOutcome): boolean =>
  outcome === "full" || outcome === "stopped" || outcome === "budget";

/** The members of a record that are known before Redis stores it. */
type NewRecord = Omit<Task, "id" | "state" | "created" | "size">;

function recordOf(task: NewTask): NewRecord {
  const {
    agent,
    engine,
    class: priority,
    max,
    spec,
    trace,
    parent,
    follows,
    conditions,
    cacheKey,
    labels,
    model,
    retry,
  } = task;
  const record: { -readonly [F in keyof NewRecord]: NewRecord[F] } = { agent, engine, class: priority, max, spec };
  // Members are set one by one. This runs for every task of a batch, and `...rest` would double the cost of an entry
  // (1.1 to 2.3 µs).
  if (trace !== undefined) record.trace = trace;
  if (parent !== undefined) record.parent = parent;
  if (follows !== undefined) record.follows = follows;
  if (cacheKey !== undefined) record.cacheKey = cacheKey;
  if (conditions) Object.assign(record, conditions);
  if (labels) record.labels = labels;
  if (model !== undefined) record.model = model;
  if (retry) record.retry = retry;
  return record;
}

interface Entry {
  readonly task: NewTask;
  readonly record: NewRecord;
  /** In bytes, as the bounds count it. */
  readonly size: number;
  /** In the form that the script's header describes. */
  readonly line: string;
}

function entryOf(task: NewTask): Entry {
  const record = recordOf(task);
  const members = JSON.stringify(record).slice(1);
  const size = Buffer.byteLength(members) + 1 + task.prompts.byteLength;
  const { id, agent, request, trace = "", start = task.conditions && 0 } = task;
  let scopes = task.labels?.map((label) => scopeName({ kind: "label", label })).join(",") ?? "";
  if (task.model !== undefined) scopes += `,${scopeName({ kind: "model", model: task.model })}`;
  const line = `${id} ${CLASSES.indexOf(task.class) + 1} ${agent} ${size} ${request?.hash ?? ""} ${trace} ${start ?? ""} ${scopes} ${members}`;
  return { task, record, size, line };
}

/** Reads the script's answer. Each word has a value after it, except `added`. */
function readOutcomes(entries: readonly Entry[], [created, ...words]: readonly string[]): EnqueueOutcome[] {
  let at = 0;
  return entries.map((entry) => {
    const word = words[at++] ?? "";
    return word === "added"
      ? { outcome: word, task: newTask(entry, Number(created)) }
      : outcomeOf(entry, { word, value: words[at++] ?? "", nowMs: Number(created) });
  });
}

function outcomeOf(
  entry: Entry,
  { word, value, nowMs }: { readonly word: string; readonly value: string; readonly nowMs: number },
): EnqueueOutcome {
  const { id } = entry.task;
  if (word === "again") return { outcome: "added", task: decodeTask(id, value) };
  if (word === "stopped") return { outcome: word, stop: decodeEmergency(value) };
  if (word === "budget") {
    const space = value.indexOf(" ");
    return { outcome: word, scope: value.slice(0, space), gate: decodeGate(value.slice(space + 1)), nowMs };
  }
  if (word === "known" || word === "conflict") return { outcome: word, id: value };
  const bound = word === "full" ? boundNamed(value) : undefined;
  if (bound === undefined) throw new Error(`script answered ${word} ${value}`);
  return { outcome: "full", bound };
}

/** The task as the script stored it. It is made here, so it needs no read. */
function newTask({ task: { id, start = 0 }, record, size }: Entry, created: number): Task {
  // This changes the record itself, which no other code needs any more. A copy would cost a tenth of all that a task
  // costs here.
  if (start <= created) return Object.assign(record, { id, created, size, state: "QUEUED" as const });
  return Object.assign(record, { id, created, size, state: "SCHEDULED" as const, since: start, ready: start });
}
