import { engineUnknown, type InstalledEngine } from "./installed-engine.js";
import type { EngineOffer, SlotChange } from "./queue.js";
import type { WarmProcesses } from "./warm.js";

export type EngineStatus = InstalledEngine & {
  readonly running: number;
  /** Processes that wait for a run of this engine. */
  readonly warm: number;
};

/** For each engine: how many slots it has, and how many runs use one. */
export class EngineSlots {
  readonly #engines: readonly InstalledEngine[];
  readonly #slots: Map<string, number>;
  /** Engines whose slots a person has set. They stay as they are until the executor restarts. */
  readonly #set = new Set<string>();
  readonly #changes = new Map<string, SlotChange>();
  readonly #running: (engine: string) => number;
  readonly #warm: Pick<WarmProcesses, "waiting">;

  constructor(
    engines: readonly InstalledEngine[],
    { running, warm }: { readonly running: (engine: string) => number; readonly warm: Pick<WarmProcesses, "waiting"> },
  ) {
    this.#engines = engines;
    this.#slots = new Map(engines.map(({ engine, slots }) => [engine.name, slots]));
    this.#running = running;
    this.#warm = warm;
  }

  find(engine: string): InstalledEngine | undefined {
    return this.#engines.find((installed) => installed.engine.name === engine);
  }

  /** A person sets the slots. Throws ENGINE_UNKNOWN. */
  set(engine: string, slots: number): void {
    if (!this.#slots.has(engine)) throw engineUnknown(engine);
    this.#slots.set(engine, slots);
    this.#set.add(engine);
    this.#changes.delete(engine);
  }

  /** The executor changes the slots by itself. */
  adapt(engine: string, change: SlotChange): void {
    if (this.#set.has(engine) || !this.#slots.has(engine)) return;
    if (!change.dryRun) this.#slots.set(engine, change.after);
    this.#changes.set(engine, change);
  }

  /** The engines whose slots no person has set. */
  adaptable(): { readonly engine: string; readonly slots: number; readonly running: number }[] {
    return this.status()
      .filter(({ engine }) => !this.#set.has(engine.name))
      .map(({ engine, slots, running }) => ({ engine: engine.name, slots, running }));
  }

  /** The newest change of each engine. */
  changes(): { readonly engine: string; readonly change: SlotChange }[] {
    return [...this.#changes].map(([engine, change]) => ({ engine, change }));
  }

  status(): EngineStatus[] {
    return this.#engines.map((installed) => {
      const { name } = installed.engine;
      const slots = this.#slots.get(name) ?? installed.slots;
      return { ...installed, slots, running: this.#running(name), warm: this.#warm.waiting(name) };
    });
  }

  /** What a Sync offers: no free slot when the executor takes no more work. */
  offers(takesWork: boolean): EngineOffer[] {
    return this.status().map(({ engine, version, slots, running }) => ({
      engine: engine.name,
      account: engine.account ?? "",
      freeSlots: takesWork ? Math.max(0, slots - running) : 0,
      slots,
      version,
    }));
  }
}
