import type { Rule } from "./classify.js";
import type { EngineEvent, EngineRun, RunOutcome, RunRequest } from "./engine.js";
import { type RunFailure, runFailure } from "./failure.js";
import { createLineSplitter, type LineSplitter, LineTooLong } from "./line-splitter.js";
import { outcomeOf } from "./outcome.js";
import type { EngineContext } from "./plugin.js";
import { redact } from "./redact.js";
import type { RunExit } from "./run-handle.js";
import type { SupervisedRun } from "./supervisor.js";
import { createWholeText, wellFormed } from "./text.js";
import { createToldText } from "./told-text.js";
import type { RunReader, Transcript } from "./transcript.js";

export interface FollowOptions<W extends string> {
  readonly request: RunRequest;
  readonly reader: RunReader<W>;
  /** What an error of this engine is. */
  readonly rules: readonly Rule<W>[];
  readonly context: EngineContext;
  /** What the reader gets: lines without their ends, or bytes as they come. */
  readonly cut?: "lines" | "chunks";
}

/** Some engines hang when they have said their result, or closed their output. */
const AFTER_RESULT_MS = 5_000;
/** A line holds at most the whole answer, escaped, and its frame. */
const lineBytes = (outputBytes: number) => 4 * outputBytes + 1024 * 1024;

/**
 * Reads a run to its end: the reader says what each piece of output means, and the transcript it fills, the process's exit and the
 * rules make the outcome. Counts what the run prints, be it text or noise, against `limits.outputBytes`, closes stdin when the
 * result has come, and ends the process when whoever reads `events` leaves.
 */
export function followRun<W extends string>(run: SupervisedRun, options: FollowOptions<W>): EngineRun {
  const { request, reader, rules, context, cut = "lines" } = options;
  const { outputBytes } = request.limits;
  const { transcript } = reader;
  const pieces = cut === "lines" ? createLineSplitter(lineBytes(outputBytes)) : uncut;
  const whole = createWholeText();
  const told = createToldText();
  let printed = 0;
  let ended = false;
  let outputLimit: RunFailure | undefined;
  let unwanted = false;
  const { promise: outcome, resolve } = withResolver<RunOutcome>();

  function* tell(events: readonly EngineEvent[]): Generator<EngineEvent> {
    for (const said of events) {
      const event = whole(said);
      if (event === undefined) continue;
      if (event.type === "text" || event.type === "tool") run.progress();
      printed += Buffer.byteLength(wordsOf(event));
      told.heard(event);
      yield event;
    }
    if (printed > outputBytes) outputLimit ??= tooMuch(outputBytes);
  }

  function* read(piece: Buffer): Generator<EngineEvent> {
    const events = reader.read(piece);
    if (events === undefined) {
      if (piece.length > 0) context.onUnknownLine();
      printed += piece.length;
    }
    yield* tell(events ?? []);
    const over = transcript.ending !== undefined;
    // Not before: some engines exit without writing all of a large result when their input ends early.
    if (over !== ended) run.endInput(over ? AFTER_RESULT_MS : undefined);
    ended = over;
  }

  async function* events(): AsyncGenerator<EngineEvent> {
    let fault: unknown = new Error("the reader left");
    try {
      for await (const chunk of run.output) {
        for (const piece of pieces.push(chunk)) {
          yield* read(piece);
          if (outputLimit) return;
        }
      }
      // A last line without its end is cut off, or whole.
      yield* read(pieces.rest());
      const exit = await exitOf(run);
      // How it exits when it is made to says nothing of its work.
      if (exit.overrun === undefined && !unwanted) yield* tell(reader.end?.(exit) ?? []);
      if (transcript.ending?.ok) yield* told.settle(wellFormed(transcript.ending.text));
      fault = undefined;
    } catch (err) {
      fault = err;
      if (err instanceof LineTooLong) outputLimit = tooMuch(outputBytes);
    } finally {
      resolve(end(fault));
    }
  }

  async function end(fault: unknown): Promise<RunOutcome> {
    try {
      // Whoever stopped reading early has left the process behind.
      if (outputLimit || fault) await run.stop();
      const exit = await run.exited;
      if (fault && !outputLimit) throw fault;
      const ended = outcomeOf({ transcript, exit, rules, outputLimit, dateMs: Date.now() });
      if (!ended.ok) keepSample(ended.failure, exit, options);
      const { cause, code, signal, runMs, resources, waited } = exit;
      return { ...ended, facts: { cause, code, signal, runMs, resources, waited } };
    } catch (err) {
      const why = err instanceof Error ? err.message : "unknown fault";
      const message = `the run could not be followed to its end: ${why}`;
      const failure = runFailure("UNKNOWN_ERROR", message, { source: "CCSP" });
      return { ok: false, failure, usage: undefined, costUsd: undefined };
    }
  }

  return {
    pid: run.pid,
    events: events(),
    outcome,
    get resources() {
      return run.resources;
    },
    get processes() {
      return run.processes;
    },
    stop() {
      unwanted = true;
      return run.stop();
    },
    kill() {
      unwanted = true;
      return run.kill();
    },
  };
}

/** Counts what no rule knows, and keeps of it, and of crashes, what may be shown. */
function keepSample<W extends string>(failure: RunFailure, exit: RunExit, options: FollowOptions<W>): void {
  const { request, context, reader } = options;
  if (failure.category === "UNKNOWN_ERROR") context.onUnknownFailure();
  else if (failure.category !== "ENGINE_CRASH") return;
  const { words, status, ending, worked, version }: Transcript<W> = reader.transcript;
  const { code, signal, stderr } = exit;
  const hidden = [request.prompt, request.systemPrompt];
  // Of a run that was given files or earlier turns nothing is kept: their words may be anything.
  const told = request.files.length === 0 &&
    !request.conversation && {
      said: redact(ending?.text ?? "", hidden),
      complaint: redact(stderr, hidden),
    };
  const sample = { ...told, words, status, worked, version, code, signal };
  // A crash shows its exit in its message, and there may be many.
  const level = failure.category === "UNKNOWN_ERROR" ? "warn" : "debug";
  context.log[level]({ task: request.taskId, category: failure.category, sample }, "failed run, redacted");
}

/** The exit of a process that says nothing more: the clocks of a run stop with its output. */
async function exitOf(run: SupervisedRun): Promise<RunExit> {
  const tooLong = setTimeout(() => void run.stop().catch(() => {}), AFTER_RESULT_MS);
  try {
    return await run.exited;
  } finally {
    clearTimeout(tooLong);
  }
}

function wordsOf(event: EngineEvent): string {
  if (event.type === "text") return event.text;
  if (event.type === "taken-back") return "";
  return event.type === "tool" ? event.name : event.message;
}

const uncut: LineSplitter = {
  *push(chunk) {
    yield chunk;
  },
  rest: () => Buffer.alloc(0),
};

const tooMuch = (bytes: number): RunFailure =>
  runFailure("OUTPUT_LIMIT", `the engine printed more than ${bytes} bytes`);

function withResolver<T>(): { promise: Promise<T>; resolve: (value: T | Promise<T>) => void } {
  let resolve: (value: T | Promise<T>) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
