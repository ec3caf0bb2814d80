import type { Offer } from "../executors/executor-store.js";

/** Word that there may be work, on its way to one executor. */
export interface Word {
  /** How many tasks it tells of. */
  readonly tasks: number;
  /** Other replicas have heard of them too. */
  readonly told: boolean;
  /** Executors and logins that could not take what waits. */
  readonly avoid: readonly string[];
}

export interface Sleeper {
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

/** Word of one task, which other replicas have heard of. */
export const ONE: Word = { tasks: 1, told: true, avoid: [] };

export const nameOf = (executor: string): string => `executor/${executor}`;
export const loginOf = (offer: Offer | undefined): string => `login/${offer?.account ?? ""}`;

export type Sleepers = ReturnType<typeof createSleepers>;

/** The executors that wait here, by engine, those that wait longest first. `tell` passes word of an engine on to other replicas. */
export function createSleepers(engines: readonly string[], tell: (engine: string) => void) {
  const sleepers = new Map<string, Set<Sleeper>>(engines.map((engine) => [engine, new Set()]));
  const of = (engine: string): Iterable<Sleeper> => sleepers.get(engine) ?? [];

  /** Answers for how many of the tasks no sleeper has a slot. */
  const wake = (engine: string, word: Word): number => {
    let left = word.tasks;
    for (const each of of(engine)) {
      if (left <= 0) return 0;
      left -= take(each, engine, { ...word, tasks: left });
    }
    return left;
  };

  return {
    wake,

    add(sleeper: Sleeper): void {
      for (const engine of sleeper.offers.keys()) sleepers.get(engine)?.add(sleeper);
    },
    remove(sleeper: Sleeper): void {
      for (const each of sleepers.values()) each.delete(sleeper);
    },

    /** Where too few sleep, one that looks just now looks once more, since it may have looked too early; not the one that the word is `from`. */
    spread(engine: string, word: Word, from?: Sleeper): void {
      const left = wake(engine, word);
      if (left === 0) return;
      for (const each of of(engine)) {
        if (each === from || each.pending.has(engine) || !mayTake(each, engine, word)) continue;
        give(each, engine, { ...word, tasks: left });
        break;
      }
      if (!word.told) tell(engine);
    },

    /** No other executor finds what waits for these. `busyToo`: one that looks just now may have looked too early. */
    wakePinned(engine: string, busyToo: boolean): void {
      for (const each of of(engine)) {
        const isMeant = each.pins.has(engine) || (busyToo && !each.asleep);
        if (isMeant && !each.pending.has(engine)) give(each, engine, ONE);
      }
    },

    /** How many tasks executors were woken for and have not claimed yet. */
    underWay: (engine: string): number =>
      [...of(engine)].reduce(
        (sum, { pending, claiming }) => sum + (pending.get(engine)?.tasks ?? 0) + (claiming.get(engine)?.tasks ?? 0),
        0,
      ),
  };
}

const mayTake = ({ executor, offers }: Sleeper, engine: string, { avoid }: Word): boolean =>
  avoid.length === 0 || !(avoid.includes(nameOf(executor)) || avoid.includes(loginOf(offers.get(engine))));

function give(to: Sleeper, engine: string, word: Word): void {
  to.pending.set(engine, word);
  to.asleep = false;
  to.wake(engine);
}

/** Gives a sleeper as many of the tasks as it has slots for, and answers how many that is. */
function take(sleeper: Sleeper, engine: string, word: Word): number {
  if (!mayTake(sleeper, engine, word)) return 0;
  const slots = sleeper.offers.get(engine)?.freeSlots ?? 0;
  const pending = sleeper.pending.get(engine);
  const takes = Math.min(word.tasks, slots - (pending?.tasks ?? 0));
  // Its claim is still to come, so it finds these too.
  if (pending && takes > 0 && pending.avoid.length + word.avoid.length === 0) {
    sleeper.pending.set(engine, { ...pending, tasks: pending.tasks + takes, told: pending.told && word.told });
    return takes;
  }
  if (pending || !sleeper.asleep) return 0;
  give(sleeper, engine, { ...word, tasks: takes });
  return takes;
}
