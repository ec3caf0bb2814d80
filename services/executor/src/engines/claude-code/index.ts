import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type {
  Engine,
  EngineEvent,
  EngineRun,
  RunFailure,
  RunOutcome,
  RunRequest,
  SupervisedRun,
  Supervisor,
} from "@ccsp/engine-kit";
import { createLineSplitter, LineTooLong } from "@ccsp/engine-kit";
import { commandLine, userTurn } from "./command-line.js";
import { type ClaudeCodeProfile, environment } from "./environment.js";
import { outcomeOf } from "./outcome.js";
import { createTranscriptReader } from "./transcript.js";

export interface ClaudeCodeOptions {
  /** Absolute path of the CLI. */
  readonly bin: string;
  readonly profile: ClaudeCodeProfile;
  readonly supervisor: Supervisor;
  /** A line was passed over because it was not understood. */
  readonly onUnknownLine: () => void;
}

/** Some versions hang when they have said their result. */
const AFTER_RESULT_MS = 5_000;
const VERSION_MS = 20_000;
/** A line holds at most the whole answer, escaped, and its frame. */
const lineBytes = (outputBytes: number) => 4 * outputBytes + 1024 * 1024;

/** The Claude Code CLI, one process per run. */
export function createClaudeCode({ bin, profile, supervisor, onUnknownLine }: ClaudeCodeOptions): Engine {
  return {
    name: "claude-code",
    capabilities: {
      streaming: true,
      usage: true,
      takes: ["model", "system_prompt", "limits.turns", "limits.budget_usd"],
    },

    async version() {
      const run = await supervisor.start({
        run: "version",
        command: bin,
        prepare: async (folder) => ({ args: ["--version"], env: environment(profile, folder) }),
        input: "",
        wallMs: VERSION_MS,
        traceparent: "",
      });
      run.endInput(VERSION_MS);
      let said = "";
      for await (const chunk of run.output) said = (said + chunk.toString("utf8")).slice(0, 1024);
      const { code, signal } = await run.exited;
      const version = /\d+\.\d+\.\d+\S*/.exec(said)?.[0];
      if (version === undefined) throw new Error(`${bin} --version says no version (${signal ?? `exit code ${code}`})`);
      return version;
    },

    async start(request) {
      const run = await supervisor.start({
        run: `${request.taskId}:${request.fence}`,
        command: bin,
        async prepare(folder) {
          const file = request.systemPrompt ? join(folder.path, "system-prompt.txt") : undefined;
          if (file) await writeFile(file, request.systemPrompt, { mode: 0o600 });
          return { args: commandLine(request, file), env: environment(profile, folder) };
        },
        input: userTurn(request.prompt),
        wallMs: request.limits.wallMs,
        traceparent: request.traceparent,
      });
      return follow(run, request, onUnknownLine);
    },
  };
}

/** Reads a run to its end. */
function follow(run: SupervisedRun, { limits }: RunRequest, onUnknownLine: () => void): EngineRun {
  const reader = createTranscriptReader();
  const lines = createLineSplitter(lineBytes(limits.outputBytes));
  let printed = 0;
  let outputLimit: RunFailure | undefined;
  const { promise: outcome, resolve } = withResolver<RunOutcome>();

  /** The events of one line; counts what the run may print: text, and what is not understood. */
  function read(line: Buffer): readonly EngineEvent[] {
    const events = reader.read(line);
    if (events === undefined) {
      if (line.length > 0) onUnknownLine();
      printed += line.length;
    }
    for (const event of events ?? []) if (event.type === "text") printed += Buffer.byteLength(event.text);
    if (printed > limits.outputBytes) outputLimit = tooMuch(limits.outputBytes);
    // Not before: when its input ends early the CLI exits without writing all of a large result.
    if (reader.transcript.result) run.endInput(AFTER_RESULT_MS);
    return events ?? [];
  }

  async function* events(): AsyncGenerator<EngineEvent> {
    let fault: unknown = new Error("the reader left");
    try {
      for await (const chunk of run.output) {
        for (const line of lines.push(chunk)) {
          yield* read(line);
          if (outputLimit) return;
        }
      }
      // A last line without its end is cut off, or whole.
      yield* read(lines.rest());
      fault = undefined;
    } catch (err) {
      fault = err;
      if (err instanceof LineTooLong) outputLimit = tooMuch(limits.outputBytes);
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
      return outcomeOf({ transcript: reader.transcript, exit, outputLimit, dateMs: Date.now() });
    } catch (err) {
      const message = `the run could not be followed to its end: ${err instanceof Error ? err.message : "unknown fault"}`;
      const failure = { category: "UNKNOWN_ERROR", message, retryable: true, source: "CCSP" } as const;
      return { ok: false, failure, usage: undefined, costUsd: undefined };
    }
  }

  return { pid: run.pid, events: events(), outcome, stop: run.stop };
}

const tooMuch = (bytes: number): RunFailure => ({
  category: "OUTPUT_LIMIT",
  message: `the engine printed more than ${bytes} bytes`,
  retryable: false,
  source: "AGENT",
});

function withResolver<T>(): { promise: Promise<T>; resolve: (value: T | Promise<T>) => void } {
  let resolve: (value: T | Promise<T>) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
