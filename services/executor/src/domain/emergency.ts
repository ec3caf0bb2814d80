import { Refusal } from "@ccsp/errors";
import type { Logger } from "pino";
import type { Attempt } from "./attempt.js";
import type { EmergencyOrder, EmergencyReceipt, EndedRun } from "./queue.js";

export interface EmergencyDeps {
  /** What this executor holds. */
  readonly attempts: () => readonly Attempt[];
  /** Runs of engines besides, which end by `stopped`, and processes that wait for one. */
  readonly others: () => number;
  /** The last run is gone: the queue is to hear of it now. */
  readonly onEmpty: () => void;
  readonly log: Logger;
}

/** Carries out the emergency stop that the queue's answers order, until one of them orders none. */
export function createEmergencyStop({ attempts, others, onEmpty, log }: EmergencyDeps) {
  let order: EmergencyOrder | undefined;
  let stopped = new AbortController();
  /** Also of lower levels before: the newest receipt tells everything. */
  let ended: EndedRun[] = [];
  const ending = new WeakSet<Attempt>();

  const remaining = (): number => attempts().filter(({ running }) => running).length + others();
  const endsRuns = (): boolean => order?.level === "park-running" || order?.level === "kill";

  function end(attempt: Attempt): void {
    if (!attempt.running) return;
    // Counted now: when it is gone there is nothing to count.
    const { processes } = attempt;
    attempt.stop(order?.level === "kill" ? "kill" : "park");
    if (ending.has(attempt)) return;
    ending.add(attempt);
    void attempt.engineGone.then(() => count(attempt, processes));
  }

  /** Ends what the order does not let go on; what waits for a hook or for its login has no process yet, and is to get none. */
  function take(attempt: Attempt): void {
    if (endsRuns()) end(attempt);
    else if (stopped.signal.aborted && attempt.running && attempt.pid === undefined) attempt.stop("park");
  }

  function count({ lease: { taskId }, pid = 0 }: Attempt, seen: number): void {
    // A look may not have found its process; where there was none a hook did the run, or it had not started.
    ended.push({ taskId, pid, processes: Math.max(seen, pid === 0 ? 0 : 1) });
    look();
  }

  /** To be called when one of the others has ended. */
  function look(): void {
    if (endsRuns() && remaining() === 0) onEmpty();
  }

  return {
    /** What the newest answer says. False: nothing new. */
    follow(newest: EmergencyOrder | undefined): boolean {
      if (newest?.id === order?.id) return false;
      order = newest;
      if (newest === undefined) {
        log.warn("the emergency stop is over");
        stopped = new AbortController();
        ended = [];
        return true;
      }
      log.warn({ ...newest, remaining: remaining() }, "emergency stop");
      if (newest.level !== "no-submit") stopped.abort(startsNothing(newest));
      for (const attempt of attempts()) take(attempt);
      return true;
    },
    /** An attempt that has just begun: its lease may have been granted before the stop. */
    take,
    /** For the next Sync; undefined: no run is to be ended. */
    receipt: (): EmergencyReceipt | undefined =>
      order && endsRuns() ? { id: order.id, ended, remaining: remaining() } : undefined,
    /** Aborts while nothing may be started, with the refusal for who tries. */
    get stopped(): AbortSignal {
      return stopped.signal;
    },
    look,
  };
}

const startsNothing = ({ id }: EmergencyOrder): Refusal =>
  new Refusal("SUBMIT_STOPPED", `the emergency stop ${id} is in force: nothing is started`, {
    metadata: { emergency_id: id },
  });

/** The queue is still to be told that nothing runs any more. */
export const isNews = (now: EmergencyReceipt | undefined, told: EmergencyReceipt | undefined): boolean =>
  now?.remaining === 0 && (told?.id !== now.id || told.remaining > 0);
