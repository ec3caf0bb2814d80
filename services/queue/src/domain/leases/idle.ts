import type { Offer } from "../executors/executor-store.js";
import { engineTopic, executorTopic, GATES_TOPIC, type Wakes } from "../wakes/wakes.js";
import type { Claimed } from "./lease-store.js";

/** What came of a claim, for whom to wake next. */
export type Claim = Pick<Claimed, "waitMs" | "left" | "kept" | "pins">;

/** Word that there may be work, on its way to one executor. */
interface Word {
  /** How many tasks it tells of. */
  readonly tasks: number;
  /** Other replicas have heard of them too. */
  readonly told: boolean;
  /** Executors and logins that could not take what waits. */
  readonly avoid: readonly string[];
}

interface Sleeper {
  readonly executor: string;
  /** With free slots, by engine. */
  readonly offers: ReadonlyMap<string, Offer>;
  /** Came and was not looked at yet; and what it claims for now. */
  readonly pending: Map<string, Word>;
  readonly claiming: Map<string, Word>;
  /** Engines of which tasks wait for it alone. */
  readonly pins: Set<string>;
  asleep: boolean;
  wake(engine: string): void;
}

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

/** Whoever comes back with work wakes so many more, while more waits: twice as many each time, and few for nothing when it is the last. */
const MORE = 2;
const LONG_MS = 60_000;
/** Node's timers hold 31 bits, and fire at once for more: a gate may open in a year. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * The executors of this process that wait for work. Word of a task wakes as many as have slots for it, those that wait longest first.
 * Whoever was woken and could not take what waits, or is gone before it claimed, passes the word on: to others here, and to other
 * replicas when they have not heard of it. Word may be lost, so each looks by itself in the end (see `TICK_MS`).
 */
export function createIdle(wakes: Wakes, engines: readonly string[], after: After = afterTime) {
  const sleepers = new Map<string, Set<Sleeper>>(engines.map((engine) => [engine, new Set()]));
  const timers = new Map<string, { readonly atMs: number; readonly cancel: () => void }>();

  const mayTake = ({ executor, offers }: Sleeper, engine: string, { avoid }: Word): boolean =>
    avoid.length === 0 || !(avoid.includes(nameOf(executor)) || avoid.includes(loginOf(offers.get(engine))));

  const give = (to: Sleeper, engine: string, word: Word): void => {
    to.pending.set(engine, word);
    to.asleep = false;
    to.wake(engine);
  };

  /** Answers how many of the tasks nobody who sleeps has a slot for. */
  const wake = (engine: string, word: Word): number => {
    let left = word.tasks;
    for (const each of sleepers.get(engine) ?? []) {
      if (left <= 0) return 0;
      if (!mayTake(each, engine, word)) continue;
      const slots = each.offers.get(engine)?.freeSlots ?? 0;
      const pending = each.pending.get(engine);
      const takes = Math.min(left, slots - (pending?.tasks ?? 0));
      // Its claim is still to come, so it finds these too.
      if (pending && takes > 0 && pending.avoid.length + word.avoid.length === 0) {
        each.pending.set(engine, { ...pending, tasks: pending.tasks + takes, told: pending.told && word.told });
      } else if (!pending && each.asleep) {
        give(each, engine, { ...word, tasks: takes });
      } else continue;
      left -= takes;
    }
    return left;
  };

  /** Where too few sleep, one that looks just now looks once more, since it may have looked too early; not the one that the word is `from`. */
  const spread = (engine: string, word: Word, from?: Sleeper): void => {
    const left = wake(engine, word);
    if (left === 0) return;
    for (const each of sleepers.get(engine) ?? []) {
      if (each === from || each.pending.has(engine) || !mayTake(each, engine, word)) continue;
      give(each, engine, { ...word, tasks: left });
      break;
    }
    if (!word.told) wakes.tell(engineTopic(engine));
  };

  /** Nobody else finds what waits for these. `busyToo`: one that looks just now may have looked too early. */
  const wakePinned = (engine: string, busyToo: boolean): void => {
    for (const each of sleepers.get(engine) ?? []) {
      const isMeant = each.pins.has(engine) || (busyToo && !each.asleep);
      if (isMeant && !each.pending.has(engine)) give(each, engine, ONE);
    }
  };

  const underWay = (engine: string): number =>
    [...(sleepers.get(engine) ?? [])].reduce(
      (sum, { pending, claiming }) => sum + (pending.get(engine)?.tasks ?? 0) + (claiming.get(engine)?.tasks ?? 0),
      0,
    );

  /** Time alone lets somebody start then. */
  const wakeAt = (engine: string, wantedMs: number): void => {
    const waitMs = Math.min(wantedMs, LONGEST_TIMER_MS);
    const atMs = performance.now() + waitMs;
    const before = timers.get(engine);
    if (before && before.atMs <= atMs) return;
    before?.cancel();
    const cancel = after(waitMs, () => {
      timers.delete(engine);
      spread(engine, ONE);
    });
    timers.set(engine, { atMs, cancel });
  };

  const stop = new AbortController();
  const topicsOfWork = new Map(engines.map((engine) => [engineTopic(engine), engine]));
  const words = wakes.listen([GATES_TOPIC, ...topicsOfWork.keys()]);
  const hear = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      for (const topic of await words.next(LONG_MS, stop.signal)) {
        const engine = topicsOfWork.get(topic);
        if (engine === undefined) for (const each of engines) wakePinned(each, true);
        else {
          // A run of its agent may have ended: whoever hears of it alone would always be before them.
          wakePinned(engine, false);
          spread(engine, ONE);
        }
      }
    }
  };
  const hearing = hear();

  return {
    /**
     * For who is about to send tasks: whether executors that sleep here have slots for all of them. Those are woken, and what they ask
     * the store for comes right behind. When they are enough no other replica need hear of the tasks.
     */
    offer: (engine: string, tasks: number): boolean => wake(engine, { tasks, told: false, avoid: [] }) === 0,

    /** From now on it hears of work for these offers and, as `wakes.listen` has it, of its own topic and of `topics`. */
    wait(executor: string, offers: readonly Offer[], topics: readonly string[]): Waiting {
      const listener = wakes.listen([...topics, executorTopic(executor)]);
      const open = new Map(offers.map((offer) => [offer.engine, offer]));
      const sleeper: Sleeper = {
        ...{ executor, offers: open, pending: new Map(), claiming: new Map(), pins: new Set(), asleep: false },
        wake: (engine) => listener.remind(engineTopic(engine)),
      };
      for (const engine of open.keys()) sleepers.get(engine)?.add(sleeper);
      const { pending, claiming } = sleeper;

      return {
        async next(timeoutMs, signal) {
          sleeper.asleep = pending.size === 0;
          const came = await listener.next(timeoutMs, signal);
          sleeper.asleep = false;
          for (const [engine, word] of pending) claiming.set(engine, word);
          pending.clear();
          return { engines: new Set(claiming.keys()), others: [...came].some((topic) => !topicsOfWork.has(topic)) };
        },

        claimed: (engine, { waitMs, left, kept, pins }) => {
          if (pins) sleeper.pins.add(engine);
          else sleeper.pins.delete(engine);
          if (waitMs !== undefined) wakeAt(engine, waitMs);
          const word = claiming.get(engine);
          claiming.delete(engine);
          if (!word || left === 0) return;
          if (kept) {
            const whom = kept === "login" ? loginOf(open.get(engine)) : nameOf(executor);
            spread(engine, { ...word, tasks: Math.min(word.tasks, left), avoid: [...word.avoid, whom] });
            return;
          }
          const tasks = Math.min(MORE, left - underWay(engine));
          if (tasks > 0) spread(engine, { ...ONE, tasks }, sleeper);
        },

        close() {
          listener.close();
          for (const of of sleepers.values()) of.delete(sleeper);
          for (const [engine, word] of [...claiming, ...pending]) spread(engine, word);
        },
      };
    },

    async close(): Promise<void> {
      stop.abort();
      for (const { cancel } of timers.values()) cancel();
      await hearing;
      words.close();
    },
  };
}

const ONE: Word = { tasks: 1, told: true, avoid: [] };
const nameOf = (executor: string): string => `executor/${executor}`;
const loginOf = (offer: Offer | undefined): string => `login/${offer?.account ?? ""}`;
