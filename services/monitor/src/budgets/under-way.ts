import type { Client } from "@ccsp/grpc-kit";
import type { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { type Task, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import type { Logger } from "pino";
import { failuresLog } from "../state/failures-log.js";
import type { Counts } from "../usage/domain/counts.js";
import { counted } from "../usage/domain/labels.js";
import { microUsd, NO_ROW } from "../usage/domain/run.js";
import { tokensOf } from "../usage/events/run-of-event.js";
import { type RunUnderWay, toRunUnderWay } from "./domain/under-way.js";

export interface UnderWayOptions {
  readonly queue: Pick<Client<QueueServiceService>, "list">;
  readonly log: Logger;
  readonly now: () => Date;
}

export type Counters = ReadonlyMap<string, Counts>;

/** Ended runs and runs under way that fit together: no run is in both. */
export interface Look {
  readonly counters: Counters;
  readonly runs: readonly RunUnderWay[];
}

/**
 * Looks at the runs under way. `counters` were read before the call. `anew`: the queue is asked now. Otherwise the
 * answer may be a second old, and then it has the counters of that time.
 */
export type LookUnderWay = (counters: Counters, how: { readonly anew: boolean }) => Promise<Look>;

const FRESH_MS = 1_000;
/** For all pages. The leader waits for it before it sends what is used up. */
const READ_MS = 2_000;
/** The most that the queue gives. */
const PAGE = 500;
const MOST_TASKS = 5_000;
/** A page may have few tasks, because tasks that an executor has taken do not run at once. */
const MOST_PAGES = 20;

/**
 * Reads from the queue what running tasks have used so far.
 *
 * The queue is asked after the counters were read. A run that it lists had not ended then, so the counters cannot have
 * it: nothing counts twice, which could stop runs for a budget that is not used up. The price is a dip: a run that has
 * ended, and whose event is not counted yet, is in neither, and a hold may open for a turn of the leader. The same goes
 * for a run that is being cancelled, until it has ended.
 *
 * When the queue cannot be read, only ended runs count, as with a queue of the previous release. Then it does not get
 * new holds either, and keeps those that it has.
 */
export function createUnderWay({ queue, log, now }: UnderWayOptions): LookUnderWay {
  const failures = failuresLog(log, {
    failed: "what runs under way have used cannot be read: budgets count only ended runs",
    again: "what runs under way have used can be read again",
  });
  let last: { readonly ms: number; readonly look: Promise<Look | undefined> } | undefined;
  let toldOfMost = false;

  async function readRuns(): Promise<readonly RunUnderWay[]> {
    const signal = AbortSignal.timeout(READ_MS);
    const runs: RunUnderWay[] = [];
    let [pageToken, tasks] = ["", 0];
    for (let page = 0; page < MOST_PAGES && tasks < MOST_TASKS; page += 1) {
      const pageSize = Math.min(PAGE, MOST_TASKS - tasks);
      const request = { states: [TaskState.RUNNING], pageSize, pageToken };
      const found = await queue.list(request, { timeoutMs: READ_MS, signal });
      tasks += found.tasks.length;
      runs.push(...found.tasks.flatMap(runUnderWay));
      pageToken = found.nextPageToken;
      if (pageToken === "") return runs;
    }
    if (!toldOfMost) log.warn({ tasks }, "too many tasks run: budgets do not count what the oldest have used so far");
    toldOfMost = true;
    return runs;
  }

  async function read(counters: Counters): Promise<Look | undefined> {
    try {
      const runs = await readRuns();
      failures.succeeded();
      return { counters, runs };
    } catch (err) {
      failures.failed(err);
      return undefined;
    }
  }

  return async (counters, { anew }) => {
    const ms = now().getTime();
    // A clock that went back must not make an answer last.
    if (anew || last === undefined || Math.abs(ms - last.ms) >= FRESH_MS) last = { ms, look: read(counters) };
    return (await last.look) ?? { counters, runs: [] };
  };
}

/**
 * The queue's record has all labels of the task. The event of its end has the first 2 KiB of them, so a budget of a
 * later label counts the run only while it goes on.
 */
function runUnderWay({ agentId, spec, usageSoFar }: Task): RunUnderWay[] {
  if (usageSoFar === undefined) return [];
  const { usage, costUsd, model } = usageSoFar;
  const [engine, asked] = [spec?.engine ?? "", spec?.model ?? ""];
  return [
    toRunUnderWay({
      row: { ...NO_ROW, agent: counted(agentId), engine: counted(engine), model: counted(model || asked) },
      labels: spec?.labels ?? {},
      tokens: usage && tokensOf(usage),
      costMicroUsd: microUsd(costUsd),
    }),
  ];
}
