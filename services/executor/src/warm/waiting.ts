import type { RunOptions } from "@ccsp/engine-kit";
import type { LaunchedProcess } from "../supervision/launched-run.js";

/** What all runs with one key share. */
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

/** `unwanted`: no task with its key came for a long time. `off`: the executor drains, or nothing may start. */
export type WarmEnd = "used" | "age" | "memory" | "unwanted" | "died" | "off";

/** Counts of waiting processes. Implemented by `../telemetry/warm-metrics.ts`. */
export interface WarmMetrics {
  /** Counts a run that a waiting process could serve. `warm`: one did. `cold`: none was there. */
  started(engine: string, how: "warm" | "cold"): void;
  waiting(engine: string, many: number): void;
  /** A process no longer waits. */
  over(engine: string, why: WarmEnd): void;
}

/** The waiting processes. A caller that takes a process out must use it. */
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
    /** The number of processes that were taken out to be killed and are not gone yet. */
    ending: (): number => ending.size,

    add(one: Waiting): void {
      all.add(one);
      metrics.waiting(one.kind.engine, of(one.kind.engine));
      void attend(one);
    },

    /** Takes out the oldest living process of a key that was started after `afterMs`. */
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

    /** Resolves when all processes that are being ended are gone. */
    async ended(): Promise<void> {
      while (ending.size > 0) await Promise.all(ending);
    },
  };
}

export type WaitingProcesses = ReturnType<typeof createWaitingProcesses>;
