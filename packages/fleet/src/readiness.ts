import { setTimeout as sleep } from "node:timers/promises";
import { formatDuration } from "@ccsp/config";
import { fatalLine } from "./fatal-line.js";
import { type PartState, partState } from "./part-state.js";
import { createPatience, pollMs, workSeconds } from "./patience.js";
import { partName } from "./plan.js";
import { NO_PROGRESS, PartFailed } from "./progress.js";
import type { Running } from "./unit-process.js";

const POLL_MS = 50;

/**
 * Resolves when every part is ready and reaches its dependencies, so that the fleet can do its work from then on.
 * Rejects immediately if a part will not be started again, because the other parts may wait for it without end. The
 * error then has the last output of that part. Waits as long as parts make progress (`createPatience`). When none did
 * for `limitMs`, rejects with a PartFailed, which names the part that is the least far and what it waits for. Rejects
 * when the signal aborts.
 */
async function pollAllReady(
  running: readonly Running[],
  { limitMs, signal }: { readonly limitMs: number; readonly signal: AbortSignal },
): Promise<void> {
  const patience = createPatience(limitMs);
  /** The steps that each part has done, at most. A part that is restarted does them again. */
  const steps = new Map<string, number>();
  for (;;) {
    if (signal.aborted) throw new Error("the fleet was stopped");
    const hopeless = running.filter(({ supervisor }) => supervisor.gaveUp);
    if (hopeless.length > 0) {
      // The end of a part that was never ready has a better error, which may come a moment later.
      await Promise.race([Promise.all(hopeless.map(({ firstStart }) => firstStart.outcome)), sleep(POLL_MS)]);
      throw new Error(hopeless.map(lastWords).join("\n"));
    }
    const lookedMs = performance.now();
    const looks = (await Promise.all(running.map(look))).flat();
    const missing = looks.filter(({ why }) => why !== undefined);
    if (missing.length === 0) return;
    for (const { part, steps: done } of looks) steps.set(part, Math.max(done, steps.get(part) ?? 0));
    const loading = new Set(looks.filter(({ steps: done }) => done === 0).map(({ pid }) => pid));
    const signs = {
      steps: sum([...steps.values()]),
      loadingSeconds: sum([...loading].map(workSeconds)),
    };
    if (patience.isOver(signs)) throw noProgress(missing, limitMs);
    await sleep(pollMs(performance.now() - lookedMs));
  }
}

/** As `pollAllReady`. Rejects with a PartFailed as soon as a part ends that was never ready. */
export async function untilAllReady(
  running: readonly Running[],
  options: { readonly limitMs: number; readonly signal: AbortSignal },
): Promise<void> {
  const done = new AbortController();
  const signal = AbortSignal.any([done.signal, options.signal]);
  try {
    // A caller may kill a process as soon as this resolves: it has to count as one that was ready then. And a person
    // who waits for a fleet sees every part reported before it.
    await Promise.all([
      pollAllReady(running, { ...options, signal }),
      ...running.map(({ firstStart }) => firstStart.outcome),
    ]);
  } finally {
    done.abort();
  }
}

const lastWords = ({ unit, supervisor }: Running): string =>
  `${unit.name} ended: ${supervisor.process.lastLines().join("\n")}`;

interface Look extends PartState {
  readonly part: string;
  readonly pid: number;
  /** What it said last, if that tells a cause. */
  readonly lastWord: string | undefined;
}

async function look({ unit, supervisor }: Running): Promise<readonly Look[]> {
  const { pid } = supervisor.process;
  const lastWord = fatalLine(supervisor.process.lastLines());
  // The unit is down, so an answer on its port would come from another process.
  const state = supervisor.up ? partState : async () => ({ why: "it ended and is about to be restarted", steps: 0 });
  return Promise.all(unit.parts.map(async (part) => ({ part: partName(part), pid, lastWord, ...(await state(part)) })));
}

function noProgress(missing: readonly Look[], limitMs: number): PartFailed {
  const [first, ...others] = missing.toSorted((a, b) => a.steps - b.steps);
  const wordsOf = ({ why, lastWord }: Look): string =>
    `${why ?? ""}${lastWord === undefined ? "" : `; it wrote: ${lastWord}`}`;
  const why = first === undefined ? "" : wordsOf(first);
  return new PartFailed(first?.part ?? "", {
    why: `${NO_PROGRESS} for ${formatDuration(limitMs)}: ${why}`,
    output: others.map((each) => `${each.part}: ${wordsOf(each)}`),
  });
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);
