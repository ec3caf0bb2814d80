import type { Offer } from "../executors/executor-store.js";
import { engineTopic, executorTopic, GATES_TOPIC, type Listener, type Wakes } from "../wakes/wakes.js";
import type { Claimed } from "./lease-store.js";
import { createSleepers, loginOf, nameOf, ONE, type Sleeper, type Sleepers } from "./sleepers.js";

/** What a claim found. It decides which executors are woken next. */
export type Claim = Pick<Claimed, "waitMs" | "left" | "kept" | "pins">;

/** One Sync that waits. */
export interface Waiting {
  /** Resolves when something came: word of engines, or of anything else. With none after `timeoutMs` and when `signal` aborts. */
  next(
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<{ readonly engines: ReadonlySet<string>; readonly others: boolean }>;
  /** To be called with what came of each claim. */
  readonly claimed: (engine: string, claim: Claim) => void;
  /** What it was woken for and did not claim goes to the next. */
  close(): void;
}

export type Idle = ReturnType<typeof createIdle>;

/** Calls `act` after a time (ms); what is returned takes that back. */
export type After = (ms: number, act: () => void) => () => void;

const afterTime: After = (ms, act) => {
  const timer = setTimeout(act, ms);
  timer.unref();
  return () => clearTimeout(timer);
};

/** An executor that comes back with work wakes so many more, while more waits: twice as many each time, and few for nothing when it is the last. */
const MORE = 2;
const LONG_MS = 60_000;
/** Node's timers hold 31 bits, and fire at once for more: a gate may open in a year. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * The executors of this process that wait for work. Word of a task wakes as many as have slots for it, those that wait longest first. An
 * executor that was woken and could not take what waits, or is gone before it claimed, passes the word on: to others here, and to other
 * replicas when they have not heard of it. Word may be lost, so each looks by itself in the end (see `TICK_MS`).
 */
export function createIdle(wakes: Wakes, engines: readonly string[], after: After = afterTime) {
  const sleepers = createSleepers(engines, (engine) => wakes.tell(engineTopic(engine)));
  const timers = createTimers(after, (engine) => sleepers.spread(engine, ONE));
  const hearing = hearWords(wakes, engines, sleepers);
  const topicsOfWork = new Set(engines.map(engineTopic));

  return {
    /**
     * For a process that is about to send tasks: whether executors that sleep here have slots for all of them. Those are woken, and what they
     * ask the store for comes right behind. When they are enough no other replica need hear of the tasks.
     */
    offer: (engine: string, tasks: number): boolean => sleepers.wake(engine, { tasks, told: false, avoid: [] }) === 0,

    /** From now on it hears of work for these offers and, as `wakes.listen` has it, of its own topic and of `topics`. */
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
      await hearing.close();
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
      for (const [engine, word] of pending) claiming.set(engine, word);
      pending.clear();
      return { engines: new Set(claiming.keys()), others: [...came].some((topic) => !topicsOfWork.has(topic)) };
    },

    claimed: (engine, { waitMs, left, kept, pins: isPinned }) => {
      if (isPinned) pins.add(engine);
      else pins.delete(engine);
      if (waitMs !== undefined) timers.wakeAt(engine, waitMs);
      const word = claiming.get(engine);
      claiming.delete(engine);
      if (!word || left === 0) return;
      if (kept) {
        const whom = kept === "login" ? loginOf(offers.get(engine)) : nameOf(executor);
        sleepers.spread(engine, { ...word, tasks: Math.min(word.tasks, left), avoid: [...word.avoid, whom] });
        return;
      }
      const tasks = Math.min(MORE, left - sleepers.underWay(engine));
      if (tasks > 0) sleepers.spread(engine, { ...ONE, tasks }, sleeper);
    },

    close() {
      listener.close();
      sleepers.remove(sleeper);
      for (const [engine, word] of [...claiming, ...pending]) sleepers.spread(engine, word);
    },
  };
}

type Timers = ReturnType<typeof createTimers>;

/** For each engine the earliest time at which time alone lets a task start. */
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

/** Passes word of engines and of gates on to the executors that sleep here. */
function hearWords(wakes: Wakes, engines: readonly string[], sleepers: Sleepers) {
  const stop = new AbortController();
  const engineOf = new Map(engines.map((engine) => [engineTopic(engine), engine]));
  const words = wakes.listen([GATES_TOPIC, ...engineOf.keys()]);
  const hear = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      for (const topic of await words.next(LONG_MS, stop.signal)) {
        const engine = engineOf.get(topic);
        if (engine === undefined) for (const each of engines) sleepers.wakePinned(each, true);
        else {
          // A run of its agent may have ended: an executor that hears of it alone would always be before them.
          sleepers.wakePinned(engine, false);
          sleepers.spread(engine, ONE);
        }
      }
    }
  };
  const hearing = hear();
  return {
    async close(): Promise<void> {
      stop.abort();
      await hearing;
      words.close();
    },
  };
}
