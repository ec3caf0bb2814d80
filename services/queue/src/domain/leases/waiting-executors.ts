import type { Offer } from "../executors/executor-store.js";
import { engineTopic, executorTopic, GATES_TOPIC, type Listener, type Wakes } from "../wakes/wakes.js";
import type { Claimed } from "./lease-store.js";
import { createSleepers, loginOf, nameOf, ONE, type Sleeper, type Sleepers } from "./sleepers.js";

/** The outcome of a claim. It decides which executors are woken next. */
export type Claim = Pick<Claimed, "waitMs" | "left" | "deferredBy" | "pins">;

/** One waiting Sync. */
export interface Waiting {
  /**
   * Resolves when a wake-up came. `engines`: the engines that it is about. `others`: it is about something else too.
   * Resolves with neither after `timeoutMs` and when `signal` aborts.
   */
  next(
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<{ readonly engines: ReadonlySet<string>; readonly others: boolean }>;
  /** The caller reports the outcome of each claim here. */
  readonly claimed: (engine: string, claim: Claim) => void;
  /** Passes tasks that it was woken for and did not claim on to the next executor. */
  close(): void;
}

export type WaitingExecutors = ReturnType<typeof createWaitingExecutors>;

/** Calls `act` after a time (ms). Returns a function that cancels this. */
export type After = (ms: number, act: () => void) => () => void;

const afterTime: After = (ms, act) => {
  const timer = setTimeout(act, ms);
  timer.unref();
  return () => clearTimeout(timer);
};

/**
 * When an executor has claimed tasks and more tasks wait, executors are woken for this many more tasks. So the number
 * of woken executors can double each time, and only few executors are woken needlessly at the end.
 */
const MORE = 2;
const LONG_MS = 60_000;
/** Timers of Node hold 31 bits and fire at once for a longer time. A gate may open in a year. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * The executors that wait for work at this process. A message about tasks (a `WakeUp`) wakes only as many executors as
 * have slots for them, the longest-waiting first. A woken executor may be unable to take the tasks, or be gone before
 * it claims. Then it passes the message on: to other executors here, and to other replicas when they have not heard of
 * it. A message may be lost, so each executor also checks by itself (see `TICK_MS`).
 */
export function createWaitingExecutors(wakes: Wakes, engines: readonly string[], after: After = afterTime) {
  const sleepers = createSleepers(engines, (engine) => wakes.tell(engineTopic(engine)));
  const timers = createTimers(after, (engine) => sleepers.spread(engine, ONE));
  const relay = relayWakeUps(wakes, engines, sleepers);
  const topicsOfWork = new Set(engines.map(engineTopic));

  return {
    /**
     * Called just before this process stores new tasks. Wakes waiting executors for them, whose claims then follow
     * right behind the tasks. Returns whether they have slots for all of the tasks. Then no other replica has to be
     * notified.
     */
    offer: (engine: string, tasks: number): boolean =>
      sleepers.wake(engine, { tasks, announced: false, avoid: [] }) === 0,

    /**
     * From now on, the executor gets messages about work for these offers, and wake-ups of its own topic and of
     * `topics`.
     */
    wait(executor: string, offers: readonly Offer[], topics: readonly string[]): Waiting {
      const listener = wakes.listen([...topics, executorTopic(executor)]);
      const sleeper: Sleeper = {
        executor,
        offers: new Map(offers.map((offer) => [offer.engine, offer])),
        asleep: false,
        pending: new Map(),
        claiming: new Map(),
        pins: new Set(),
        wake: (engine) => listener.remind(engineTopic(engine)),
      };
      sleepers.add(sleeper);
      return createWaiting(sleeper, { listener, sleepers, timers, topicsOfWork });
    },

    async close(): Promise<void> {
      timers.close();
      await relay.close();
    },
  };
}

interface WaitingDeps {
  readonly listener: Listener;
  readonly sleepers: Sleepers;
  readonly timers: Timers;
  readonly topicsOfWork: ReadonlySet<string>;
}

function createWaiting(sleeper: Sleeper, { listener, sleepers, timers, topicsOfWork }: WaitingDeps): Waiting {
  const { executor, offers, pending, claiming, pins } = sleeper;
  return {
    async next(timeoutMs, signal) {
      sleeper.asleep = pending.size === 0;
      const came = await listener.next(timeoutMs, signal);
      sleeper.asleep = false;
      for (const [engine, wakeUp] of pending) claiming.set(engine, wakeUp);
      pending.clear();
      return { engines: new Set(claiming.keys()), others: [...came].some((topic) => !topicsOfWork.has(topic)) };
    },

    claimed: (engine, { waitMs, left, deferredBy, pins: isPinned }) => {
      if (isPinned) pins.add(engine);
      else pins.delete(engine);
      if (waitMs !== undefined) timers.wakeAt(engine, waitMs);
      const wakeUp = claiming.get(engine);
      claiming.delete(engine);
      if (!wakeUp || left === 0) return;
      if (deferredBy) {
        const whom = deferredBy === "login" ? loginOf(offers.get(engine)) : nameOf(executor);
        sleepers.spread(engine, { ...wakeUp, tasks: Math.min(wakeUp.tasks, left), avoid: [...wakeUp.avoid, whom] });
        return;
      }
      const tasks = Math.min(MORE, left - sleepers.underWay(engine));
      if (tasks > 0) sleepers.spread(engine, { ...ONE, tasks }, sleeper);
    },

    close() {
      listener.close();
      sleepers.remove(sleeper);
      for (const [engine, wakeUp] of [...claiming, ...pending]) sleepers.spread(engine, wakeUp);
    },
  };
}

type Timers = ReturnType<typeof createTimers>;

/** One timer for each engine: the earliest time at which time alone lets a task start. */
function createTimers(after: After, act: (engine: string) => void) {
  const timers = new Map<string, { readonly atMs: number; readonly cancel: () => void }>();
  return {
    wakeAt(engine: string, wantedMs: number): void {
      const waitMs = Math.min(wantedMs, LONGEST_TIMER_MS);
      const atMs = performance.now() + waitMs;
      const before = timers.get(engine);
      if (before && before.atMs <= atMs) return;
      before?.cancel();
      const cancel = after(waitMs, () => {
        timers.delete(engine);
        act(engine);
      });
      timers.set(engine, { atMs, cancel });
    },
    close(): void {
      for (const { cancel } of timers.values()) cancel();
    },
  };
}

/** Passes wake-ups of engines and of gates on to the executors that wait here. */
function relayWakeUps(wakes: Wakes, engines: readonly string[], sleepers: Sleepers) {
  const stop = new AbortController();
  const engineOf = new Map(engines.map((engine) => [engineTopic(engine), engine]));
  const listener = wakes.listen([GATES_TOPIC, ...engineOf.keys()]);
  const relay = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      for (const topic of await listener.next(LONG_MS, stop.signal)) {
        const engine = engineOf.get(topic);
        if (engine === undefined) for (const each of engines) sleepers.wakePinned(each, true);
        else {
          // The end of a run may have let a pinned task start. If only one executor got this message, it would always
          // claim before the executors that such tasks wait for.
          sleepers.wakePinned(engine, false);
          sleepers.spread(engine, ONE);
        }
      }
    }
  };
  const relaying = relay();
  return {
    async close(): Promise<void> {
      stop.abort();
      await relaying;
      listener.close();
    },
  };
}
