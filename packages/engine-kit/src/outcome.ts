import { classify, type Rule } from "./classify.js";
import type { RunOutcome } from "./engine.js";
import { type RunFailure, runFailure } from "./failure.js";
import type { Overrun, RunExit } from "./run-handle.js";
import { wellFormed } from "./text.js";
import type { Transcript } from "./transcript.js";

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
  // The engine calls it a refusal of the provider, and knows nothing of what the run's tools have asked.
  const overBudget = exit.brokered?.overBudget && !exit.overrun && !ending?.ok;
  // An engine that did not come to its end has not told all that it used.
  const untold = (ending === undefined || overBudget) && exit.brokered?.usage !== undefined;
  const { usage, costUsd, model } = untold ? exit.brokered : transcript;
  const failed = (failure: RunFailure): RunOutcome => ({ ok: false, failure, usage, costUsd, ...(model && { model }) });

  if (outputLimit) return failed(outputLimit);
  if (overBudget) return failed(OVER_BUDGET);
  if (ending === undefined && exit.overrun) return failed(OVERRUN[exit.overrun]);
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

function failureOf<W extends string>({ transcript, exit, rules, dateMs }: EndOfRun<W>): RunFailure {
  const { ending, worked, words, status, retryAtMs = exit.brokered?.retryAtMs } = transcript;
  const failure = classify(rules, {
    finished: ending !== undefined,
    worked,
    words,
    status,
    text: ending?.text ?? "",
    stderr: exit.stderr,
    exitCode: exit.code ?? undefined,
  });
  const limited = failure.category === "USAGE_WINDOW" || failure.category === "RATE_LIMIT";
  if (limited && retryAtMs !== undefined) return { ...failure, retryAfterMs: Math.max(0, retryAtMs - dateMs) };
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

const OVER_BUDGET = runFailure(
  "BUDGET_EXCEEDED",
  "the run has used its budget: its next request to the model was refused",
);

const NOTHING = runFailure("NO_WORK_DONE", "the engine reports success but gave no answer");
