import { Refusal } from "@ccsp/errors";
import type { Logger } from "pino";
import type { Attempt } from "./attempt.js";
import type { EmergencyOrder, EmergencyReceipt, EndedRun } from "./queue.js";

export interface EmergencyDeps {
  /** The attempts that this executor holds. */
  readonly attempts: () => readonly Attempt[];
  /** The number of other engine processes. They are probes, which `stopped` ends, and processes that wait for a run. */
  readonly others: () => number;
  /** Called when the last run is gone: the queue must learn of it immediately. */
  readonly onEmpty: () => void;
  readonly log: Logger;
}

/** Carries out the emergency stop that the queue's answers order, until an answer has no order. */
export class EmergencyStop {
  readonly #deps: EmergencyDeps;
  #order: EmergencyOrder | undefined;
  #stopped = new AbortController();
  /** Includes runs that ended at lower levels before: the newest receipt lists all ended runs. */
  #ended: EndedRun[] = [];
  readonly #ending = new WeakSet<Attempt>();

  constructor(deps: EmergencyDeps) {
    this.#deps = deps;
  }

  /** Aborts while nothing may start. The reason is the error that a caller gets. */
  get stopped(): AbortSignal {
    return this.#stopped.signal;
  }

  /** Takes the order of the newest answer. Returns false if it is not new. */
  follow(newest: EmergencyOrder | undefined): boolean {
    const { log, attempts } = this.#deps;
    if (newest?.id === this.#order?.id) return false;
    this.#order = newest;
    if (newest === undefined) {
      log.warn("the emergency stop is over");
      this.#stopped = new AbortController();
      this.#ended = [];
      return true;
    }
    log.warn({ ...newest, remaining: this.#remaining() }, "emergency stop");
    if (newest.level !== "no-submit") this.#stopped.abort(startsNothing(newest));
    for (const attempt of attempts()) this.take(attempt);
    return true;
  }

  /**
   * Ends the attempt if the order does not let it continue. An attempt that waits for a hook or for its login has no
   * process yet, and must not get one. Also applies to an attempt that has just begun: the queue may have granted its
   * lease before the stop.
   */
  take(attempt: Attempt): void {
    if (this.#endsRuns()) this.#end(attempt);
    else if (this.stopped.aborted && attempt.running && attempt.pid === undefined) attempt.stop("park");
  }

  /** The receipt for the next Sync. Undefined: the order ends no runs. */
  receipt(): EmergencyReceipt | undefined {
    if (!this.#order || !this.#endsRuns()) return undefined;
    return { id: this.#order.id, ended: this.#ended, remaining: this.#remaining() };
  }

  /** To be called when one of the other processes has ended. */
  check(): void {
    if (this.#endsRuns() && this.#remaining() === 0) this.#deps.onEmpty();
  }

  #remaining(): number {
    const { attempts, others } = this.#deps;
    return attempts().filter(({ running }) => running).length + others();
  }

  #endsRuns(): boolean {
    return this.#order?.level === "park-running" || this.#order?.level === "kill";
  }

  #end(attempt: Attempt): void {
    if (!attempt.running) return;
    // Counted before the stop: after the end there is nothing to count.
    const { processes } = attempt;
    attempt.stop(this.#order?.level === "kill" ? "kill" : "park");
    if (this.#ending.has(attempt)) return;
    this.#ending.add(attempt);
    void attempt.engineGone.then(() => this.#count(attempt, processes));
  }

  #count({ lease: { taskId }, pid = 0 }: Attempt, seen: number): void {
    // The last scan may have missed the process. Pid 0 means that there was no process: a hook did the run, or the
    // engine had not started.
    this.#ended.push({ taskId, pid, processes: Math.max(seen, pid === 0 ? 0 : 1) });
    this.check();
  }
}

const startsNothing = ({ id }: EmergencyOrder): Refusal =>
  new Refusal("SUBMIT_STOPPED", `the emergency stop ${id} is in force: nothing is started`, {
    metadata: { emergency_id: id },
  });

/** The queue does not know yet that nothing runs any more. */
export const isNews = (now: EmergencyReceipt | undefined, reported: EmergencyReceipt | undefined): boolean =>
  now?.remaining === 0 && (reported?.id !== now.id || reported.remaining > 0);
