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
export class EmergencyStop {
  readonly #deps: EmergencyDeps;
  #order: EmergencyOrder | undefined;
  #stopped = new AbortController();
  /** Also of lower levels before: the newest receipt tells everything. */
  #ended: EndedRun[] = [];
  readonly #ending = new WeakSet<Attempt>();

  constructor(deps: EmergencyDeps) {
    this.#deps = deps;
  }

  /** Aborts while nothing may be started, with the refusal for who tries. */
  get stopped(): AbortSignal {
    return this.#stopped.signal;
  }

  /** What the newest answer says. False: nothing new. */
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
   * Ends what the order does not let go on; what waits for a hook or for its login has no process yet, and is to get none. Also for an attempt
   * that has just begun: its lease may have been granted before the stop.
   */
  take(attempt: Attempt): void {
    if (this.#endsRuns()) this.#end(attempt);
    else if (this.stopped.aborted && attempt.running && attempt.pid === undefined) attempt.stop("park");
  }

  /** For the next Sync; undefined: no run is to be ended. */
  receipt(): EmergencyReceipt | undefined {
    if (!this.#order || !this.#endsRuns()) return undefined;
    return { id: this.#order.id, ended: this.#ended, remaining: this.#remaining() };
  }

  /** To be called when one of the others has ended. */
  look(): void {
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
    // Counted now: when it is gone there is nothing to count.
    const { processes } = attempt;
    attempt.stop(this.#order?.level === "kill" ? "kill" : "park");
    if (this.#ending.has(attempt)) return;
    this.#ending.add(attempt);
    void attempt.engineGone.then(() => this.#count(attempt, processes));
  }

  #count({ lease: { taskId }, pid = 0 }: Attempt, seen: number): void {
    // A look may not have found its process; where there was none a hook did the run, or it had not started.
    this.#ended.push({ taskId, pid, processes: Math.max(seen, pid === 0 ? 0 : 1) });
    this.look();
  }
}

const startsNothing = ({ id }: EmergencyOrder): Refusal =>
  new Refusal("SUBMIT_STOPPED", `the emergency stop ${id} is in force: nothing is started`, {
    metadata: { emergency_id: id },
  });

/** The queue is still to be told that nothing runs any more. */
export const isNews = (now: EmergencyReceipt | undefined, told: EmergencyReceipt | undefined): boolean =>
  now?.remaining === 0 && (told?.id !== now.id || told.remaining > 0);
