import type { Bound, Bounds } from "../domain/bounds.js";
import type { EnqueueOutcome, NewTask } from "../domain/store.js";
import { CLASSES, type Task } from "../domain/task.js";
import { enqueuedData } from "../messages/event-data.js";
import { asBuffer, decodeTask } from "./decode.js";
import { groupCallsBy } from "./group-calls.js";
import { channels, type QueueKeys } from "./keys.js";
import type { Scripts } from "./scripts.js";

// Long enough for a client that lost its connection over a day's outage; see Enqueue in the contract.
const REQUEST_TTL_MS = 24 * 60 * 60 * 1000;
// A quarter of a millisecond of Redis.
const GROUP = { count: 32, bytes: 1024 * 1024, bytesOf: ({ prompts, spec }: NewTask) => prompts.length + spec.length };

/** `TaskStore.enqueue`: tasks of one engine that come together go into Redis together. */
export function createEnqueue(
  scripts: Scripts,
  keys: QueueKeys,
  { bounds, clock }: { readonly bounds: Bounds; readonly clock: () => number | "" },
): (task: NewTask) => Promise<EnqueueOutcome> {
  const { tasks, prompts, owned, load, parked, alarms, pinned, events } = keys;
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
          ...{ tasks, prompts, owned, load, parked, alarms, pinned, events },
          ...keys.engine(engine),
          requests: group.flatMap(({ agent, request }) => (request ? [keys.request(agent, request.id)] : [])),
        },
        ...[clock(), engine, channels.work, REQUEST_TTL_MS, boundsArg],
        ...CLASSES.map((priority) => enqueuedData(engine, priority)),
        ...group.flatMap((task, i) => [
          ...[task.id, CLASSES.indexOf(task.class) + 1, task.agent, records[i] ?? "", asBuffer(task.prompts)],
          ...[task.request?.hash ?? "", task.trace, task.times ? JSON.stringify(task.times) : ""],
        ]),
      );
      return group.map((task, i) => outcomeOf(task, records[i] ?? "", reply[2 * i], reply[2 * i + 1] ?? ""));
    },
    GROUP,
  );
}

const pair = ({ tasks, bytes }: Bound): [number, number] => [tasks, bytes];

/** What of a record is known before Redis has seen it. */
function recordOf({ agent, engine, class: priority, max, spec, trace, times }: NewTask) {
  const { start, ...later } = times ?? {};
  return { ...{ agent, engine, class: priority, max, spec }, ...(trace && { trace }), ...later };
}

function outcomeOf(task: NewTask, record: string, word: string | undefined, value: string): EnqueueOutcome {
  switch (word) {
    case "added":
      return { outcome: "added", task: newTask(task, Buffer.byteLength(record), Number(value)) };
    case "again":
      return { outcome: "added", task: decodeTask(task.id, value) };
    case "known":
    case "conflict":
      return { outcome: word, id: value };
    case "full": {
      const [scope, ...path] = value.split("/");
      const what = path.pop();
      if ((scope === "all" || scope === "class" || scope === "agent") && (what === "tasks" || what === "bytes")) {
        return { outcome: "full", bound: { scope, name: path.join("/"), what } };
      }
    }
  }
  throw new Error(`script answered ${JSON.stringify([word, value])}`);
}

/** The record as the script stored it, without asking for it. */
function newTask(task: NewTask, recordBytes: number, created: number): Task {
  const start = task.times?.start ?? 0;
  const common = { id: task.id, ...recordOf(task), created, size: recordBytes + task.prompts.byteLength };
  if (start <= created) return { ...common, state: "QUEUED" };
  return { ...common, state: "SCHEDULED", since: start, ready: start };
}
