import type { RunExit, RunFailure, RunOutcome } from "@ccsp/engine-kit";
import { classify } from "./classify.js";
import type { Transcript } from "./transcript.js";

export interface Ending {
  readonly transcript: Transcript;
  readonly exit: RunExit;
  /** It was stopped for printing too much. */
  readonly outputLimit: RunFailure | undefined;
  /** Now, in ms since the epoch. */
  readonly dateMs: number;
}

/** How a run ended, from all that is known of it. A result that came counts, however the process ended after it. */
export function outcomeOf({ transcript, exit, outputLimit, dateMs }: Ending): RunOutcome {
  const { result } = transcript;
  const failed = (failure: RunFailure): RunOutcome => ({
    ok: false,
    failure,
    usage: result?.usage,
    costUsd: result?.costUsd,
  });

  if (outputLimit) return failed(outputLimit);
  if (result === undefined && exit.overrun) return failed(OVERRUN[exit.overrun]);
  if (result === undefined || result.isError) return failed(failureOf(transcript, exit, dateMs));
  if (result.text === "" && !transcript.worked) return failed(nothing);
  return {
    ok: true,
    result: {
      text: result.text,
      usage: result.usage,
      costUsd: result.costUsd,
      conversationId: transcript.sessionId ?? "",
      engineVersion: transcript.version ?? "",
      model: result.model ?? transcript.model ?? "",
      turns: result.turns,
      runMs: exit.runMs,
      resources: exit.resources,
    },
  };
}

function failureOf(transcript: Transcript, exit: RunExit, dateMs: number): RunFailure {
  const { result, errorWord, closedWindow, worked } = transcript;
  const failure = classify({
    hasResult: result !== undefined,
    subtype: result?.subtype,
    terminalReason: result?.terminalReason,
    errorWord,
    windowClosed: closedWindow !== undefined,
    status: result?.status,
    text: result?.text ?? "",
    stderr: exit.stderr,
    exitCode: exit.code ?? undefined,
    worked,
  });
  if (failure.category === "USAGE_WINDOW" && closedWindow?.resetsAtMs !== undefined) {
    return { ...failure, retryAfterMs: Math.max(0, closedWindow.resetsAtMs - dateMs) };
  }
  if (failure.category === "ENGINE_CRASH")
    return { ...failure, message: `${failure.message} (${describeExit(transcript, exit)})` };
  return failure;
}

function describeExit({ version }: Transcript, { code, signal, stderr }: RunExit): string {
  const end = signal ? `ended by ${signal}` : `exit code ${code}`;
  // Before the session has begun the engine has not seen the prompt: its complaint is about how it was started.
  const complaint = /^error: .{1,200}$/m.exec(stderr)?.[0];
  return version === undefined && complaint ? `${end}; ${complaint}` : end;
}

const OVERRUN: Record<NonNullable<RunExit["overrun"]>, RunFailure> = {
  wall: { category: "TIMEOUT", message: "the run's time was up", retryable: false, source: "AGENT" },
  silence: {
    category: "ENGINE_HANG",
    message: "the engine said nothing for too long",
    retryable: true,
    source: "ENGINE",
  },
  memory: {
    category: "OUT_OF_MEMORY",
    message: "the run used more memory than it may",
    retryable: false,
    source: "AGENT",
  },
};

const nothing: RunFailure = {
  category: "NO_WORK_DONE",
  message: "the engine says that it succeeded, and brought nothing",
  retryable: true,
  source: "ENGINE",
};
