import { setTimeout as sleep } from "node:timers/promises";
import { fatalLine } from "./fatal-line.js";
import { partState } from "./part-state.js";
import { pollMs } from "./patience.js";
import { type Part, partName, type Unit } from "./plan.js";
import type { ProcessExit } from "./process.js";
import { type OnProgress, PartFailed, stopwatch } from "./progress.js";

export interface FirstStart {
  /** True since every part has said that it is ready. */
  readonly served: boolean;
  /**
   * Resolves when every part was reported as ready. Rejects with a PartFailed when the process ends before `served`.
   */
  readonly outcome: Promise<void>;
  /** Tells that the process has ended, with its last lines. */
  ended(ending: ProcessExit | Error, lastLines: readonly string[]): void;
  /** Stops looking. */
  stop(): void;
}

/**
 * Watches the first start of a unit, and reports each part when it is ready and reaches its dependencies. Before that,
 * the end of the process is a fault that a person has to know: the next start would fail as this one did.
 */
export function watchFirstStart(unit: Unit, onProgress: OnProgress): FirstStart {
  const seconds = stopwatch();
  const stopping = new AbortController();
  const begun = new Set<Part>();
  let succeed = () => {};
  let fail: (error: PartFailed) => void = () => {};
  const outcome = new Promise<void>((resolve, reject) => {
    [succeed, fail] = [resolve, reject];
  });
  outcome.catch(() => {}); // nobody may ask for it

  const watch = async (part: Part): Promise<void> => {
    onProgress({ part: partName(part), state: "starting", seconds: 0 });
    for (;;) {
      const lookedMs = performance.now();
      const { state, why } = await partState(part);
      if (stopping.signal.aborted) return;
      if (state === "ready") begun.add(part);
      if (why === undefined) return onProgress({ part: partName(part), state: "ready", seconds: seconds() });
      await sleep(pollMs(performance.now() - lookedMs), undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };
  void Promise.all(unit.parts.map(watch)).then(() => succeed());

  return {
    get served() {
      return begun.size === unit.parts.length;
    },
    outcome,
    ended(ending, lastLines) {
      if (begun.size === unit.parts.length || stopping.signal.aborted) return;
      stopping.abort();
      const how = ending instanceof Error ? ending.message : `it ended (${ending.signal ?? `exit ${ending.code}`})`;
      const why = fatalLine(lastLines) ?? how;
      onProgress({ part: unit.name, state: "failed", seconds: seconds(), why });
      fail(new PartFailed(unit.name, { why, output: lastLines }));
    },
    stop: () => stopping.abort(),
  };
}
