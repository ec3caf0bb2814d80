import type { Offer } from "../executors/executor-store.js";

/** A wake-up of one executor: there may be work. */
export interface WakeUp {
  /** How many tasks the message is about. */
  readonly tasks: number;
  /** Other replicas got the message too. */
  readonly announced: boolean;
  /** Names of executors and logins that could not take the waiting tasks. */
  readonly avoid: readonly string[];
}

/** An executor that waits at this process. */
export interface Sleeper {
  readonly executor: string;
  /** The offers with free slots, by engine. */
  readonly offers: ReadonlyMap<string, Offer>;
  /** By engine: messages that came and were not handled yet. */
  readonly pending: Map<string, WakeUp>;
  /** By engine: messages for which it claims now. */
  readonly claiming: Map<string, WakeUp>;
  /** Engines for which tasks wait for this executor only. */
  readonly pins: Set<string>;
  asleep: boolean;
  wake(engine: string): void;
}

/** A message about one task that other replicas got too. */
export const ONE: WakeUp = { tasks: 1, announced: true, avoid: [] };

export const nameOf = (executor: string): string => `executor/${executor}`;
export const loginOf = (offer: Offer | undefined): string => `login/${offer?.account ?? ""}`;

export type Sleepers = ReturnType<typeof createSleepers>;

/**
 * The executors that wait here, by engine, the longest-waiting first. `tell` notifies other replicas about an engine.
 */
export function createSleepers(engines: readonly string[], tell: (engine: string) => void) {
  const sleepers = new Map<string, Set<Sleeper>>(engines.map((engine) => [engine, new Set()]));
  const of = (engine: string): Iterable<Sleeper> => sleepers.get(engine) ?? [];

  /** Wakes sleepers for the tasks. Returns for how many of the tasks no sleeper has a slot. */
  const wake = (engine: string, wakeUp: WakeUp): number => {
    let left = wakeUp.tasks;
    for (const each of of(engine)) {
      if (left <= 0) return 0;
      left -= take(each, engine, { ...wakeUp, tasks: left });
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

    /**
     * Wakes sleepers. When too few sleep, an executor that is checking just now checks once more, because it may have
     * checked too early. This is not the executor that the message is `from`.
     */
    spread(engine: string, wakeUp: WakeUp, from?: Sleeper): void {
      const left = wake(engine, wakeUp);
      if (left === 0) return;
      for (const each of of(engine)) {
        if (each === from || each.pending.has(engine) || !mayTake(each, engine, wakeUp)) continue;
        give(each, engine, { ...wakeUp, tasks: left });
        break;
      }
      if (!wakeUp.announced) tell(engine);
    },

    /**
     * Wakes the executors for which tasks wait that no other executor may take. `busyToo` also includes executors that
     * are checking just now, because they may have checked too early.
     */
    wakePinned(engine: string, busyToo: boolean): void {
      for (const each of of(engine)) {
        const isMeant = each.pins.has(engine) || (busyToo && !each.asleep);
        if (isMeant && !each.pending.has(engine)) give(each, engine, ONE);
      }
    },

    /** Number of tasks for which a woken executor has not claimed yet. */
    underWay: (engine: string): number =>
      [...of(engine)].reduce(
        (sum, { pending, claiming }) => sum + (pending.get(engine)?.tasks ?? 0) + (claiming.get(engine)?.tasks ?? 0),
        0,
      ),
  };
}

const mayTake = ({ executor, offers }: Sleeper, engine: string, { avoid }: WakeUp): boolean =>
  avoid.length === 0 || !(avoid.includes(nameOf(executor)) || avoid.includes(loginOf(offers.get(engine))));

function give(to: Sleeper, engine: string, wakeUp: WakeUp): void {
  to.pending.set(engine, wakeUp);
  to.asleep = false;
  to.wake(engine);
}

/** Gives a sleeper tasks up to its free slots. Returns how many it gave. */
function take(sleeper: Sleeper, engine: string, wakeUp: WakeUp): number {
  if (!mayTake(sleeper, engine, wakeUp)) return 0;
  const slots = sleeper.offers.get(engine)?.freeSlots ?? 0;
  const pending = sleeper.pending.get(engine);
  const takes = Math.min(wakeUp.tasks, slots - (pending?.tasks ?? 0));
  // Its claim comes later, so it finds these tasks too.
  if (pending && takes > 0 && pending.avoid.length + wakeUp.avoid.length === 0) {
    sleeper.pending.set(engine, {
      ...pending,
      tasks: pending.tasks + takes,
      announced: pending.announced && wakeUp.announced,
    });
    return takes;
  }
  if (pending || !sleeper.asleep) return 0;
  give(sleeper, engine, { ...wakeUp, tasks: takes });
  return takes;
}
