import type { Bound, Bounds, FullBound } from "../domain/bounds.js";
import type { EnqueueOutcome, NewTask } from "../domain/store.js";
import { CLASSES, type Task } from "../domain/task.js";
import { enqueuedData } from "../messages/event-data.js";
import { asBuffer, decodeTask } from "./decode.js";
import { decodeEmergency } from "./emergency-calls.js";
import { groupCallsBy } from "./group-calls.js";
import { channels, type QueueKeys } from "./keys.js";
import type { Scripts } from "./scripts.js";

// Long enough for a client that lost its connection over a day's outage; see Enqueue in the contract.
const REQUEST_TTL_MS = 24 * 60 * 60 * 1000;
// About a millisecond of Redis, which does nothing else meanwhile.
const GROUP = { count: 64, bytes: 1024 * 1024, bytesOf: ({ prompts, spec }: NewTask) => prompts.length + spec.length };

/** `TaskStore.enqueue`: tasks of one engine that come together go into Redis together. */
export function createEnqueue(
  scripts: Scripts,
  keys: QueueKeys,
  { bounds, clock }: { readonly bounds: Bounds; readonly clock: () => number | "" },
): (task: NewTask) => Promise<EnqueueOutcome> {
  const { tasks, prompts, owned, load, parked, alarms, pinned, events, gates } = keys;
  const boundsArg = JSON.stringify({
    ...{ all: pair(bounds.all), agent: pair(bounds.agent) },
    ...Object.fromEntries(CLASSES.map((priority) => [priority, pair(bounds.class[priority])])),
  });

  return groupCallsBy(
    ({ engine }) => engine,
    async (engine, group) => {
      const records = group.map((task) => JSON.stringify(recordOf(task)));
      const reply = await scripts.enqueue(
        {
          ...{ tasks, prompts, owned, load, parked, alarms, pinned, events, gates },
          ...keys.engine(engine),
          requests: group.flatMap(({ agent, request }) => (request ? [keys.request(agent, request.id)] : [])),
        },
        ...[clock(), engine, channels.work, REQUEST_TTL_MS, boundsArg],
        ...CLASSES.map((priority) => enqueuedData(engine, priority)),
        ...group.flatMap((task, i) => [
          ...[task.id, CLASSES.indexOf(task.class) + 1, task.agent, records[i] ?? "", asBuffer(task.prompts)],
          ...[task.request?.hash ?? "", task.trace, timesOf(task)],
        ]),
      );
      return group.map((task, i) => outcomeOf(task, records[i] ?? "", reply.slice(2 * i, 2 * i + 2)));
    },
    GROUP,
  );
}

const pair = ({ tasks, bytes }: Bound): [number, number] => [tasks, bytes];

/** What of a record is known before Redis has seen it. */
function recordOf({ agent, engine, class: priority, max, spec, trace, conditions, ...task }: NewTask) {
  const { cacheKey, labels, retry } = task;
  return {
    ...{ agent, engine, class: priority, max, spec },
    ...(trace && { trace }),
    ...(cacheKey !== undefined && { cacheKey }),
    ...conditions,
    ...(labels?.length && { labels }),
    ...(retry && { retry }),
  };
}

const timesOf = ({ start, conditions }: NewTask): string =>
  start === undefined && conditions === undefined ? "" : JSON.stringify({ start, ...conditions });

function outcomeOf(task: NewTask, record: string, [word, value = ""]: readonly string[]): EnqueueOutcome {
  if (word === "added") return { outcome: word, task: newTask(task, Buffer.byteLength(record), Number(value)) };
  if (word === "again") return { outcome: "added", task: decodeTask(task.id, value) };
  if (word === "stopped") return { outcome: word, stop: decodeEmergency(value) };
  if (word === "known" || word === "conflict") return { outcome: word, id: value };
  const [, scope, name = "", what] = /^(all|class|agent)(?:\/(.+))?\/(tasks|bytes)$/.exec(value) ?? [];
  if (word !== "full" || !isScope(scope) || !isWhat(what)) throw new Error(`script answered ${word} ${value}`);
  return { outcome: word, bound: { scope, name, what } };
}

/** The record as the script stored it, without asking for it. */
function newTask(task: NewTask, recordBytes: number, created: number): Task {
  const { start = 0 } = task;
  const common = { id: task.id, ...recordOf(task), created, size: recordBytes + task.prompts.byteLength };
  if (start <= created) return { ...common, state: "QUEUED" };
  return { ...common, state: "SCHEDULED", since: start, ready: start };
}

const isScope = (text: string | undefined): text is FullBound["scope"] =>
  text === "all" || text === "class" || text === "agent";
const isWhat = (text: string | undefined): text is FullBound["what"] => text === "tasks" || text === "bytes";
