import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "@ccsp/e2e-kit/random.js";
import type { Link } from "./link.js";
import type { Part } from "./part.js";
import { LEASE_MS, type World } from "./world.js";

/** Longer than a lease, so that some leases are lost. */
const LONGEST_MS = LEASE_MS * 1.5;
/** How often a fault is chosen among the kinds that have not come yet. */
const PREFERENCE = 0.3;

export interface Chaos {
  /** How often each fault has been caused so far. */
  readonly counts: ReadonlyMap<string, number>;
  /** Causes no more faults. Resolves when all faults are repaired. */
  stop(): Promise<void>;
  /**
   * Causes one fault of each kind that has not come by chance. Resolves when all of them are repaired. Call it after
   * `stop`.
   */
  causeRest(): Promise<void>;
}

interface Fault {
  readonly name: string;
  readonly weight: number;
  /** Resolves when the fault is repaired. */
  readonly make: () => Promise<void>;
}

/**
 * Causes a fault every `everyMs` on average. Faults overlap in time, but two faults never have the same target at once.
 */
export function startChaos(world: World, { everyMs, random }: { everyMs: number; random: Random }): Chaos {
  const { replicas, executors, links, storage } = world;
  const counts = new Map<string, number>();
  const busy = new Set<unknown>();

  /** Makes a fault for one of the targets. It does nothing if all targets are in use. */
  const fault = <T>(
    name: string,
    weight: number,
    targets: readonly T[],
    act: (target: T) => Promise<void> | void,
  ): Fault => ({
    name,
    weight: targets.length > 0 ? weight : 0,
    make: async () => {
      const free = targets.filter((target) => !busy.has(target));
      if (free.length === 0) return;
      const target = random.pick(free);
      busy.add(target);
      counts.set(name, (counts.get(name) ?? 0) + 1);
      try {
        await act(target);
      } finally {
        busy.delete(target);
      }
    },
  });
  const pause = async (part: Part): Promise<void> => {
    part.pause();
    await sleep(random.between(100, LONGEST_MS));
    part.goOn();
  };
  const cut = async (cutLinks: readonly Link[]): Promise<void> => {
    for (const link of cutLinks) link.cut();
    await sleep(random.between(100, LONGEST_MS));
    for (const link of cutLinks) link.heal();
  };
  const silence = async (link: Link): Promise<void> => {
    link.silence();
    await sleep(random.between(100, LONGEST_MS));
    // The held bytes arrive late, or never.
    if (random.chance(0.5)) link.reset();
    link.heal();
  };
  const cutOff = (part: Part): Promise<void> => cut(world.linksOf(part.name));
  const faults = [
    fault("kill replica", 4, replicas, (replica) => replica.kill9()),
    fault("kill executor", 5, executors, (executor) => executor.kill9()),
    fault("pause replica", 1, replicas, pause),
    fault("pause executor", 2, executors, pause),
    fault("cut link", 3, links, (link) => cut([link])),
    fault("silence link", 3, links, silence),
    fault("reset link", 3, links, (link) => link.reset()),
    fault("cut off executor", 2, executors, cutOff),
    fault("cut off replica", 1, replicas, cutOff),
    fault("silence redis link", 1, storage.links, silence),
    // Storage faults come one at a time: while Redis is not complete again, a further fault would prove nothing.
    ...storage.faults.map(({ name, weight, make }) => fault(name, weight, [storage], make)),
  ];
  const stopping = new AbortController();
  const missing = () => faults.filter(({ name, weight }) => weight > 0 && !counts.has(name));
  /** Prefers what has not come yet, so that each kind of fault comes while tasks arrive, if the time allows it. */
  const next = () => random.weighted(missing().length > 0 && random.chance(PREFERENCE) ? missing() : faults);
  const looped = loop(next, { everyMs, random, stop: stopping.signal });
  return {
    counts,
    async stop() {
      stopping.abort();
      await looped;
    },
    async causeRest() {
      for (const { make } of missing()) await make();
    },
  };
}

/**
 * Causes faults until it is stopped. Resolves when all of them are repaired. Rejects if a fault could not be caused.
 */
async function loop(
  next: () => Fault,
  { everyMs, random, stop }: { everyMs: number; random: Random; stop: AbortSignal },
): Promise<void> {
  const made: Promise<void>[] = [];
  while (!stop.aborted) {
    await sleep(random.between(1, 2 * everyMs), undefined, { signal: stop }).catch(() => undefined);
    if (stop.aborted) break;
    const under = next().make();
    under.catch(() => undefined);
    made.push(under);
  }
  await Promise.all(made);
}
