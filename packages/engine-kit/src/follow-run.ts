import type { Rule } from "./classify.js";
import type { EngineEvent, EngineRun, RunOutcome, RunRequest, UsageSoFar } from "./engine.js";
import { type RunFailure, runFailure } from "./failure.js";
import { createLineSplitter, type LineSplitter, LineTooLong } from "./line-splitter.js";
import { outcomeOf, usedBy } from "./outcome.js";
import type { EngineContext } from "./plugin.js";
import { redact } from "./redact.js";
import type { BrokeredUse, RunExit } from "./run-handle.js";
import { createSentText } from "./sent-text.js";
import type { SupervisedRun } from "./supervisor.js";
import { createWholeText, wellFormed } from "./text.js";
import type { RunReader, Transcript } from "./transcript.js";
import { distance, sum } from "./usage.js";
import { createSpentSoFar } from "./usage-so-far.js";
import { runBy } from "./wrap-run.js";

export interface FollowOptions<W extends string> {
  readonly request: RunRequest;
  readonly reader: RunReader<W>;
  /** Classifies the errors of this engine. */
  readonly rules: readonly Rule<W>[];
  readonly context: EngineContext;
  /** What the reader gets: lines without their line ends, or bytes as they come. */
  readonly cut?: "lines" | "chunks";
}

/**
 * The time in which the process must end after its result or the end of its output. Some engines hang at that point.
 */
const AFTER_RESULT_MS = 5_000;
/** A line holds at most the whole answer, escaped, and the JSON around it. */
const lineBytes = (outputBytes: number) => 4 * outputBytes + 1024 * 1024;

/**
 * Reads a run to its end. The reader interprets each piece of output. The transcript that it fills, the exit of the
 * process and the rules give the outcome. Everything that the run prints counts against `limits.outputBytes`, also
 * output that the reader does not understand. Closes stdin when the result has come, and ends the process when the
 * caller stops reading `events`.
 */
export const followRun = <W extends string>(run: SupervisedRun, options: FollowOptions<W>): EngineRun =>
  new Follower(run, options).followed();

class Follower<W extends string> {
  readonly #run: SupervisedRun;
  readonly #options: FollowOptions<W>;
  readonly #pieces: LineSplitter;
  readonly #whole = createWholeText();
  readonly #sent = createSentText();
  readonly #spent = createSpentSoFar();
  readonly #outcome = Promise.withResolvers<RunOutcome>();
  /** Bytes of events and of output that the reader does not understand. */
  #printed = 0;
  /** The transcript has an ending, and the process was asked to end. */
  #ending = false;
  #outputLimit: RunFailure | undefined;
  #unwanted = false;

  constructor(run: SupervisedRun, options: FollowOptions<W>) {
    this.#run = run;
    this.#options = options;
    const lines = (options.cut ?? "lines") === "lines";
    this.#pieces = lines ? createLineSplitter(lineBytes(options.request.limits.outputBytes)) : uncut;
  }

  /** The caller calls this once. */
  followed(): EngineRun {
    const run = this.#run;
    return runBy(run, {
      events: this.#events(),
      outcome: this.#outcome.promise,
      stop: () => {
        this.#unwanted = true;
        return run.stop();
      },
      kill: () => {
        this.#unwanted = true;
        return run.kill();
      },
    });
  }

  async *#events(): AsyncGenerator<EngineEvent> {
    let fault: unknown = new Error("the reader left");
    try {
      for await (const chunk of this.#run.output) {
        for (const piece of this.#pieces.push(chunk)) {
          yield* this.#read(piece);
          if (this.#outputLimit) return;
        }
      }
      yield* this.#readEnd();
      fault = undefined;
    } catch (err) {
      fault = err;
      if (err instanceof LineTooLong) this.#outputLimit = tooMuch(this.#outputBytes);
    } finally {
      this.#outcome.resolve(this.#end(fault));
    }
  }

  *#read(piece: Buffer): Generator<EngineEvent> {
    const { reader, context } = this.#options;
    const events = reader.read(piece);
    if (events === undefined) {
      if (piece.length > 0) context.onUnknownLine();
      this.#printed += piece.length;
    }
    yield* this.#tell(events ?? []);
    const ending = reader.transcript.ending !== undefined;
    // The input stays open until then: some engines exit without writing all of a large result when their input ends
    // early.
    if (ending !== this.#ending) this.#run.endInput(ending ? AFTER_RESULT_MS : undefined);
    this.#ending = ending;
  }

  /** Runs after the end of the output. */
  async *#readEnd(): AsyncGenerator<EngineEvent> {
    const { reader } = this.#options;
    // A last line without a line end is either cut off or complete.
    yield* this.#read(this.#pieces.rest());
    const exit = await exitOf(this.#run);
    // When the process was made to end, its exit says nothing about its work.
    if (exit.overrun === undefined && !this.#unwanted) yield* this.#tell(reader.end?.(exit) ?? []);
    const { ending } = reader.transcript;
    if (ending?.ok) yield* this.#sent.settle(wellFormed(ending.text));
    yield* this.#spent.settle({ ...reader.transcript, ...usedBy(reader.transcript, exit) });
  }

  *#tell(events: readonly EngineEvent[]): Generator<EngineEvent> {
    for (const said of events) {
      const event = this.#whole(said);
      if (event === undefined) continue;
      if (event.type === "text" || event.type === "tool") this.#run.progress();
      this.#printed += Buffer.byteLength(wordsOf(event));
      this.#sent.add(event);
      yield this.#spent.add(event.type === "usage" ? { ...event, ...soFar(event, this.#run.broker?.use) } : event);
    }
    if (this.#printed > this.#outputBytes) this.#outputLimit ??= tooMuch(this.#outputBytes);
  }

  async #end(fault: unknown): Promise<RunOutcome> {
    const { reader, rules } = this.#options;
    const outputLimit = this.#outputLimit;
    try {
      // A reader that left early has left the process running.
      if (outputLimit || fault) await this.#run.stop();
      const exit = await this.#run.exited;
      if (fault && !outputLimit) throw fault;
      const { transcript } = reader;
      const ended = outcomeOf({ transcript, exit, rules, outputLimit, dateMs: Date.now() });
      if (!ended.ok) keepSample(ended.failure, exit, this.#options);
      const { cause, code, signal, runMs, resources, waited } = exit;
      const miscountedTokens = miscounted(ended, exit);
      return { ...ended, facts: { cause, code, signal, runMs, resources, waited, miscountedTokens } };
    } catch (err) {
      const why = err instanceof Error ? err.message : "unknown fault";
      const message = `the run could not be followed to its end: ${why}`;
      const failure = runFailure("UNKNOWN_ERROR", message, { source: "CCSP" });
      return { ok: false, failure, usage: undefined, costUsd: undefined };
    }
  }

  get #outputBytes(): number {
    return this.#options.request.limits.outputBytes;
  }
}

/** Counts failures that no rule knows. Logs what may be shown of these and of crashes. */
function keepSample<W extends string>(failure: RunFailure, exit: RunExit, options: FollowOptions<W>): void {
  const { request, context, reader } = options;
  if (failure.category === "UNKNOWN_ERROR") context.onUnknownFailure();
  else if (failure.category !== "ENGINE_CRASH") return;
  const { words, status, ending, worked, version }: Transcript<W> = reader.transcript;
  const { code, signal, stderr } = exit;
  const hidden = [request.prompt, request.systemPrompt];
  // For a run with files or earlier turns, no text is logged: it may quote them, and they may hold anything.
  const told = request.files.length === 0 &&
    !request.conversation && {
      said: redact(ending?.text ?? "", hidden),
      complaint: redact(stderr, hidden),
    };
  const sample = { ...told, words, status, worked, version, code, signal };
  // A crash is logged as `debug`, because its message has the exit already, and there may be many crashes.
  const level = failure.category === "UNKNOWN_ERROR" ? "warn" : "debug";
  context.log[level]({ task: request.taskId, category: failure.category, sample }, "failed run, redacted");
}

/**
 * Waits for the exit of a process whose output has ended. Ends it after AFTER_RESULT_MS, because the run's own clocks
 * stop with its output.
 */
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
  if (event.type === "taken-back" || event.type === "usage" || event.type === "tool-ended") return "";
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

/** The broker knows the cost, and also what the run's tools have asked. It may still count the newest message. */
function soFar(told: UsageSoFar, use: BrokeredUse | undefined): Pick<UsageSoFar, "usage" | "costUsd"> {
  const { usage, costUsd } = told;
  const more = use?.usage !== undefined && (usage === undefined || sum(use.usage) >= sum(usage));
  return more ? { usage: use.usage, costUsd: costUsd ?? use.costUsd } : { usage, costUsd: costUsd ?? use?.costUsd };
}

/** Only of a result: an engine that failed has seldom told everything. */
function miscounted(ended: RunOutcome, { brokered }: RunExit): number | undefined {
  const told = ended.ok ? ended.result.usage : undefined;
  return (told && brokered?.usage && distance(told, brokered.usage)) || undefined;
}
