import type { ScriptArgument } from "@ccsp/redis-kit";
import { type Bounds, boundsByName } from "../domain/intake/bounds.js";
import type { FullOutcome, Move, MoveOutcome } from "../domain/task/move.js";
import type { Task } from "../domain/task/task.js";
import type { Place, Report, TaskChanges } from "../domain/task/task-store.js";
import { moveData } from "../messages/event-data.js";
import { asBuffer } from "./decode.js";
import { GROUP, groupCalls, groupCallsBy } from "./group-calls.js";
import { channels, type QueueKeys } from "./keys.js";
import { CHUNK_BYTES, type ResultChunks } from "./result-chunks.js";
import type { Scripts } from "./scripts.js";

const EMPTY = Buffer.alloc(0);
const OUTCOMES: readonly MoveOutcome[] = ["ok", "done", "lost", "ahead", "moved", "early", "missing"];

interface MoveCall {
  readonly place: Place & Partial<Task>;
  readonly move: Move;
  readonly result: Uint8Array | undefined;
}

/** Changes of one task each; those that come together go into Redis together. */
export function createTaskCalls(
  scripts: Scripts,
  keys: QueueKeys,
  {
    chunks,
    bounds,
    clock,
  }: {
    readonly chunks: ResultChunks;
    readonly bounds: Bounds;
    readonly clock: () => number | "";
  },
): TaskChanges {
  const { tasks, prompts, results, owned, leases, parked, alarms, pinned, ended, running, load, meta } = keys;
  const { blocked, bench, rates, events } = keys;
  const ofMoves = {
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
  const move = groupCallsBy<MoveCall, string>(
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
      // What is spread comes last: see createEnqueue.
      return scripts.move(
        { logs, ...ofMoves, ...keys.engine(engine) },
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

  const report = groupCalls<Report, string>(
    async (reports) =>
      scripts.report(
        { tasks, events, logs: reports.map(({ id }) => keys.log(id)) },
        clock(),
        channels.log,
        ...reports.flatMap(({ id, fence, number, started, entries }) => [
          id,
          fence,
          number,
          started ? "started" : "",
          started?.traceparent ?? "",
          entries.length,
          ...entries.map(asBuffer),
        ]),
      ),
    { ...GROUP, bytesOf: ({ entries }) => entries.reduce((sum, entry) => sum + entry.byteLength, 0) },
  );

  const remove = groupCalls<Pick<Task, "id" | "chunks">, string>(
    async (ended) => {
      const belongings = ended.flatMap(({ id, chunks = "none" }) => [keys.log(id), keys.result(id, chunks)]);
      await scripts.remove(
        { tasks, prompts, results, ended: keys.ended, owned, load, belongings },
        ...ended.map(({ id }) => id),
      );
      return ended.map(({ id }) => id);
    },
    { ...GROUP, bytesOf: () => 0 },
  );

  /** What the script gets: of a large result only where it is. */
  const inChunks = async (id: string, change: Move, result: Uint8Array): Promise<Move> => {
    const set = { ...change.set, resultBytes: result.byteLength, chunks: await chunks.write(id, result) };
    return { ...change, set };
  };

  return {
    async move(place, change, result) {
      const large = result !== undefined && result.byteLength > CHUNK_BYTES;
      const call = large
        ? { place, move: await inChunks(place.id, change, result), result: undefined }
        : { place, move: change, result };
      const word = await move(call);
      return isFull(word) ? word : knownWord(word, OUTCOMES);
    },
    async report(one) {
      return knownWord(await report(one), ["ok", "lost", "ahead"] as const);
    },
    async remove(task) {
      await remove(task);
    },
  };
}

/** What is the task's own of a move, as the script's header has it. */
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
  // What Redis refused inside the script: it may be an outage, as NOREPLICAS is, so it must look like Redis' own refusal.
  if (word.startsWith("fault ")) throw Object.assign(new Error(word.slice("fault ".length)), { name: "ReplyError" });
  if (found === undefined) throw new Error(`script answered ${JSON.stringify(word)}`);
  return found;
}
