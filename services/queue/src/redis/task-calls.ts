import type { ScriptArgument } from "@ccsp/redis-kit";
import { type Bounds, boundsByName } from "../domain/intake/bounds.js";
import type { FullOutcome, Move, MoveOutcome } from "../domain/task/move.js";
import type { Task } from "../domain/task/task.js";
import type { Place, Report, TaskChanges } from "../domain/task/task-store.js";
import { moveData } from "../messages/event-data.js";
import { asBuffer } from "./decode.js";
import { GROUP, groupCalls, groupCallsBy } from "./group-calls.js";
import { channels } from "./keys.js";
import { CHUNK_BYTES, type ResultChunks } from "./result-chunks.js";
import type { Shard } from "./shard.js";

const EMPTY = Buffer.alloc(0);
const OUTCOMES: readonly MoveOutcome[] = ["ok", "done", "lost", "ahead", "moved", "early", "missing"];

interface MoveCall {
  readonly place: Place & Partial<Task>;
  readonly move: Move;
  readonly result: Uint8Array | undefined;
}

/** Each call changes one task. Changes that come at the same time go to Redis in one call. */
export const createTaskCalls = (
  shard: Shard,
  { chunks, bounds }: { readonly chunks: ResultChunks; readonly bounds: Bounds },
): TaskChanges => ({
  move: createMove(shard, chunks, bounds),
  report: createReport(shard),
  remove: createRemove(shard),
});

function createMove({ scripts, keys, clock }: Shard, chunks: ResultChunks, bounds: Bounds): TaskChanges["move"] {
  const { tasks, results, leases, parked, alarms, pinned, ended, running, load, meta, blocked, bench, rates, events } =
    keys;
  const own = {
    tasks,
    results,
    leases,
    parked,
    alarms,
    pinned,
    ended,
    running,
    load,
    meta,
    blocked,
    bench,
    rates,
    events,
  };
  const namedBounds = boundsByName(bounds);

  const send = groupCallsBy<MoveCall, string>(
    ({ place }) => place.engine,
    async (engine, calls) => {
      const [moves, logs, each] = [new Map<string, number>(), new Array<string>(), new Array<ScriptArgument>()];
      for (const { place, move, result = EMPTY } of calls) {
        const arg = moveArg(move, namedBounds);
        const which = moves.get(arg) ?? moves.size + 1;
        moves.set(arg, which);
        if (move.note) logs.push(keys.log(place.id));
        each.push(moveLine(place, which, move), asBuffer(result));
      }
      // The literal begins with a member that is not spread: see createEnqueue.
      return scripts.move(
        { logs, ...own, ...keys.engine(engine) },
        clock(),
        engine,
        channels.log,
        channels.work,
        moves.size,
        ...moves.keys(),
        ...each,
      );
    },
    { ...GROUP, bytesOf: ({ result }) => result?.byteLength ?? 0 },
  );

  return async (place, change, result) => {
    const large = result !== undefined && result.byteLength > CHUNK_BYTES;
    const call = large
      ? { place, move: await inChunks(chunks, place.id, change, result), result: undefined }
      : { place, move: change, result };
    const word = await send(call);
    return isFull(word) ? word : knownWord(word, OUTCOMES);
  };
}

/** Stores a large result in chunks. The move then only says where the result is. */
async function inChunks(chunks: ResultChunks, id: string, change: Move, result: Uint8Array): Promise<Move> {
  const set = { ...change.set, resultBytes: result.byteLength, chunks: await chunks.write(id, result) };
  return { ...change, set };
}

function createReport({ scripts, keys, clock }: Shard): TaskChanges["report"] {
  const { tasks, events } = keys;
  const send = groupCalls<Report, string>(
    async (reports) =>
      scripts.report(
        { tasks, events, logs: reports.map(({ id }) => keys.log(id)) },
        clock(),
        channels.log,
        ...reports.flatMap(({ id, fence, number, started, usageSoFar, entries }) => [
          id,
          fence,
          number,
          started ? "started" : "",
          started?.traceparent ?? "",
          usageSoFar ?? "",
          entries.length,
          ...entries.map(asBuffer),
        ]),
      ),
    { ...GROUP, bytesOf: ({ entries }) => entries.reduce((sum, entry) => sum + entry.byteLength, 0) },
  );
  return async (report) => knownWord(await send(report), ["ok", "lost", "ahead"] as const);
}

function createRemove({ scripts, keys }: Shard): TaskChanges["remove"] {
  const { tasks, prompts, results, ended, owned, load } = keys;
  return groupCalls<Pick<Task, "id" | "chunks">, void>(
    async (removed) => {
      const belongings = removed.flatMap(({ id, chunks = "none" }) => [keys.log(id), keys.result(id, chunks)]);
      const ids = removed.map(({ id }) => id);
      await scripts.remove({ tasks, prompts, results, ended, owned, load, belongings }, ...ids);
      return removed.map(() => undefined);
    },
    { ...GROUP, bytesOf: () => 0 },
  );
}

/** The part of a move that differs from task to task, in the form that the script's header describes. */
const moveLine = (task: Place & Partial<Task>, which: number, { fence, used, event }: Move): string =>
  `${task.id} ${which} ${fence ?? ""} ${used ?? ""} ${event ? moveData(event, task) : ""}`;

function moveArg({ to, from, settle, due, leaseMs, bounded, set, note, event }: Move, bounds: object): string {
  return JSON.stringify({
    to,
    from,
    settle,
    due,
    leaseMs,
    bounds: bounded && bounds,
    set,
    note: note && JSON.stringify(note),
    event: event && `task.${event.type}`,
  });
}

const isFull = (word: string): word is FullOutcome => word.startsWith("full ");

function knownWord<T extends string>(word: string, known: readonly T[]): T {
  const found = known.find((each) => each === word);
  // Redis refused a command inside the script. That may be an outage, such as NOREPLICAS, so the error has the form of
  // Redis' own refusals.
  if (word.startsWith("fault ")) throw Object.assign(new Error(word.slice("fault ".length)), { name: "ReplyError" });
  if (found === undefined) throw new Error(`script answered ${JSON.stringify(word)}`);
  return found;
}
