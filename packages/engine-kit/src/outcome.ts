import { classify, type Rule } from "./classify.js";
import type { RunOutcome } from "./engine.js";
import { type RunFailure, runFailure } from "./failure.js";
import type { Overrun, RunExit } from "./run-handle.js";
import { wellFormed } from "./text.js";
import type { Transcript } from "./transcript.js";
import { sum } from "./usage.js";

export interface EndOfRun<W extends string> {
  readonly transcript: Transcript<W>;
  readonly exit: RunExit;
  readonly rules: readonly Rule<W>[];
  /** Present when the run was stopped because it printed too much. */
  readonly outputLimit: RunFailure | undefined;
  /** The present time, in ms since the epoch. */
  readonly dateMs: number;
}

/**
 * The outcome of a run, from everything that is known about it. A result that came counts, however the process ended
 * after it. The transcript has no result that came after a limit (`SupervisedRun.output`).
 */
export function outcomeOf<W extends string>(end: EndOfRun<W>): RunOutcome {
  const { windows } = end.transcript;
  return windows.length === 0 ? endOf(end) : { ...endOf(end), windows };
}

function endOf<W extends string>(end: EndOfRun<W>): RunOutcome {
  const { transcript, exit, outputLimit } = end;
  const { ending } = transcript;
  const { usage, costUsd, model } = usedBy(transcript, exit);
  const failed = (failure: RunFailure): RunOutcome => ({ ok: false, failure, usage, costUsd, ...(model && { model }) });

  if (outputLimit) return failed(outputLimit);
  if (ending === undefined && exit.overrun) return failed(OVERRUN[exit.overrun]);
  // The engine calls it a refusal of the provider.
  if (exit.brokered?.overBudget && !ending?.ok) return failed(overBudget(exit.brokered.overBudget));
  if (ending === undefined || !ending.ok) return failed(failureOf(end));
  if (ending.text === "" && !transcript.worked) return failed(NOTHING);
  return {
    ok: true,
    result: {
      text: wellFormed(ending.text),
      usage,
      costUsd,
      conversationId: transcript.conversationId ?? "",
      transcript: transcript.kept,
      engineVersion: transcript.version ?? "",
      model: transcript.model ?? "",
      turns: ending.turns,
      ...(/^[a-z_-]{1,32}$/.test(transcript.finishReason ?? "") && { finishReason: transcript.finishReason }),
      permissionDenials: transcript.denials,
      runMs: exit.runMs,
      resources: exit.resources,
    },
  };
}

type Used = Pick<Transcript, "usage" | "costUsd" | "model">;

/**
 * What a run used. An engine that did not come to its end has not told all of it, and knows nothing of what the run's
 * tools have asked: the broker has seen more.
 */
export function usedBy(transcript: Used & Pick<Transcript, "ending">, { brokered }: RunExit): Used {
  const { ending, usage, costUsd, model } = transcript;
  const told = ending?.ok || (ending !== undefined && !brokered?.overBudget);
  if (told || !brokered?.usage || (usage && sum(usage) > sum(brokered.usage))) return { usage, costUsd, model };
  return { usage: brokered.usage, costUsd: brokered.costUsd ?? costUsd, model: model || brokered.model };
}

function failureOf<W extends string>({ transcript, exit, rules, dateMs }: EndOfRun<W>): RunFailure {
  const { ending, worked, words, status, retryAtMs } = transcript;
  const failure = classify(rules, {
    finished: ending !== undefined,
    worked,
    words,
    status,
    text: ending?.text ?? "",
    stderr: exit.stderr,
    exitCode: exit.code ?? undefined,
  });
  // The wait that comes with a 429 says nothing of a usage window.
  const rate = failure.category === "RATE_LIMIT";
  const untilMs = retryAtMs ?? (rate ? exit.brokered?.retryAtMs : undefined);
  const limited = rate || failure.category === "USAGE_WINDOW";
  if (limited && untilMs !== undefined) return { ...failure, retryAfterMs: Math.max(0, untilMs - dateMs) };
  if (failure.category === "ENGINE_CRASH") {
    return { ...failure, message: `${failure.message} (${describeExit(transcript, exit)})` };
  }
  return failure;
}

function describeExit<W extends string>({ complaint }: Transcript<W>, { code, signal }: RunExit): string {
  const end = signal ? `ended by ${signal}` : `exit code ${code}`;
  return complaint === undefined ? end : `${end}; ${complaint}`;
}

const OVERRUN: Readonly<Record<Overrun, RunFailure>> = {
  wall: runFailure("TIMEOUT", "the run's time was up"),
  silence: runFailure("ENGINE_HANG", "the engine printed nothing for too long"),
  stall: runFailure("ENGINE_HANG", "the engine printed output but made no progress for too long"),
  memory: runFailure("OUT_OF_MEMORY", "the run used more memory than it may"),
  processes: runFailure("ENGINE_CRASH", "the run had more processes than it may", {
    retryable: false,
    source: "AGENT",
  }),
};

const overBudget = (why: string): RunFailure =>
  runFailure("BUDGET_EXCEEDED", `${why}: the run's next request to the model was refused`);

const NOTHING = runFailure("NO_WORK_DONE", "the engine reports success but gave no answer");
