import type { RunOptions } from "@ccsp/engine-kit";
import type { LaunchedProcess } from "../supervision/launched-run.js";

/** What all runs of one key have in common. */
export interface Kind {
  readonly key: string;
  readonly engine: string;
  readonly start: Pick<RunOptions, "command" | "prepare">;
}

export interface Waiting {
  readonly kind: Kind;
  readonly process: LaunchedProcess;
  /** When it was started, in ms. */
  readonly since: number;
}

/** `unwanted`: no such task came for long. `off`: the executor drains, or nothing may be started. */
export type WarmEnd = "used" | "age" | "memory" | "unwanted" | "died" | "off";

/** Counts of waiting processes. Implemented by `../telemetry/warm-metrics.ts`. */
export interface WarmMetrics {
  /** A run that could have one was started: by one, or without. */
  started(engine: string, how: "warm" | "cold"): void;
  waiting(engine: string, many: number): void;
  /** One waits no more. */
  over(engine: string, why: WarmEnd): void;
}

/** The processes that wait. Whoever takes one out has to use it. */
export function createWaitingProcesses(metrics: WarmMetrics, onDeath: (kind: Kind) => void) {
  /** The oldest first. */
  const all = new Set<Waiting>();
  const ending = new Set<Promise<void>>();

  function remove(one: Waiting, why: WarmEnd): boolean {
    const { engine } = one.kind;
    if (!all.delete(one)) return false;
    metrics.over(engine, why);
    metrics.waiting(engine, of(engine));
    return true;
  }

  async function attend(one: Waiting): Promise<void> {
    await one.process.gone;
    if (remove(one, "died")) onDeath(one.kind);
  }

  const of = (engine: string): number => [...all].filter(({ kind }) => kind.engine === engine).length;

  return {
    all: (): readonly Waiting[] => [...all],
    of,
    /** How many have been taken out to be killed, and are not gone. */
    ending: (): number => ending.size,

    add(one: Waiting): void {
      all.add(one);
      metrics.waiting(one.kind.engine, of(one.kind.engine));
      void attend(one);
    },

    /** The oldest one of a key that lives, and was started after `afterMs`. */
    take(key: string, afterMs: number): LaunchedProcess | undefined {
      for (const one of all) {
        if (one.kind.key !== key || one.since <= afterMs || !one.process.alive) continue;
        remove(one, "used");
        return one.process;
      }
      return undefined;
    },

    end(one: Waiting, why: WarmEnd): void {
      if (!remove(one, why)) return;
      const gone = one.process.end().finally(() => ending.delete(gone));
      ending.add(gone);
    },

    /** Resolves when none of those that are being ended is left. */
    async ended(): Promise<void> {
      while (ending.size > 0) await Promise.all(ending);
    },
  };
}

export type WaitingProcesses = ReturnType<typeof createWaitingProcesses>;
