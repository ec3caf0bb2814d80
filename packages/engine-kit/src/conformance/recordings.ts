import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { load } from "@ccsp/config";
import { pino } from "pino";
import type { Rule } from "../classify.js";
import type { EngineEvent, EngineRun, RunOutcome, RunRequest } from "../engine.js";
import { createLineSplitter } from "../line-splitter.js";
import { outcomeOf } from "../outcome.js";
import type { EnginePlugin } from "../plugin.js";
import type { RunExit } from "../run-handle.js";
import type { Supervisor } from "../supervisor.js";
import type { RunReader } from "../transcript.js";
import { createPlainSupervisor } from "./plain-supervisor.js";
import { plainRequest, TEST_LIMITS } from "./request.js";

/** One run of a real engine that is to be recorded. */
export interface RecordedCase {
  /** The name of the recording. */
  readonly name: string;
  readonly prompt: string;
  readonly request?: Partial<RunRequest> | undefined;
  /** Settings in addition to those that point at a simulated model. */
  readonly env?: Readonly<Record<string, string>>;
  /** Settings that name a file, with the content of that file. */
  readonly files?: Readonly<Record<string, string>>;
}

export interface RecordOptions {
  readonly plugin: EnginePlugin;
  /** Settings with which the engine runs against something harmless. */
  readonly env: Readonly<Record<string, string>>;
  /** Called when the engine has started. */
  readonly during?: (run: EngineRun) => Promise<void>;
}

export interface Recorded {
  readonly version: string;
  /** What the engine printed. The last line says how its process ended. */
  readonly recording: string;
  readonly outcome: RunOutcome;
}

/** Runs an engine and records what it prints, without paths of this host. */
export async function record(one: RecordedCase, { plugin, env, during }: RecordOptions): Promise<Recorded> {
  const folder = await mkdtemp(join(tmpdir(), "ccsp-record-"));
  try {
    const settings: Record<string, string> = { ...env, ...one.env };
    for (const [i, [name, content]] of Object.entries(one.files ?? {}).entries()) {
      settings[name] = join(folder, `file-${i}`);
      await writeFile(settings[name], content, { mode: 0o600 });
    }
    const { config } = load(settings, (reader) => plugin.define(reader));
    const tape = createTape(createPlainSupervisor({ folder, silenceMs: TEST_LIMITS.wallMs }));
    const engine = await plugin.open(config, {
      supervisor: tape.supervisor,
      log: pino({ level: "silent" }),
      onUnknownLine() {},
      onUnknownFailure() {},
    });
    const version = await engine.version();
    tape.rewind();
    const run = await engine.start({ ...plainRequest(one.name, one.prompt), ...one.request });
    const ready = during?.(run);
    for await (const _event of run.events);
    await ready;
    const outcome = await run.outcome;
    // The folder of the run may appear as a path, or as a name made from that path.
    const recording = tape.text().replaceAll(/[^\s"]*ccsp-record-[^/"]*\/run-[^/"]*/g, "/run");
    return { version, recording, outcome };
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Records what runs print and how they end. */
function createTape(inner: Supervisor) {
  let output: Buffer[] = [];
  let exit = "";

  async function* kept(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      output.push(chunk);
      yield chunk;
    }
  }

  const supervisor: Supervisor = {
    async start(options) {
      const run = await inner.start(options);
      const exited = run.exited.then((ended) => {
        const { code, signal, stderr } = ended;
        exit = JSON.stringify({ type: "exit", code, signal, stderr, dateMs: Date.now() });
        return ended;
      });
      return { ...run, exited, output: kept(run.output) };
    },
  };
  return {
    supervisor,
    rewind() {
      output = [];
    },
    text: () => `${Buffer.concat(output).toString("utf8").trimEnd()}\n${exit}\n`.trimStart(),
  };
}

/** What an engine's reader and rules make from a recording. */
export interface Replayed {
  readonly events: readonly EngineEvent[];
  /** Lines that the reader did not understand. */
  readonly unknown: readonly string[];
  readonly outcome: RunOutcome;
}

/** Reads a recording in the same way as a run. */
export function replay<W extends string>(
  recording: string,
  { reader, rules }: { readonly reader: RunReader<W>; readonly rules: readonly Rule<W>[] },
): Replayed {
  const lines = [...createLineSplitter(TEST_LIMITS.outputBytes).push(Buffer.from(recording))].filter(
    (line) => line.length > 0,
  );
  const { code, signal, stderr, dateMs = 0 } = JSON.parse(lines.pop()?.toString("utf8") ?? "");
  const exit: RunExit = { code, signal, stderr, overrun: undefined, runMs: 1 };
  const events: EngineEvent[] = [];
  const unknown: string[] = [];
  for (const line of lines) {
    const told = reader.read(line);
    if (told === undefined) unknown.push(line.toString("utf8"));
    events.push(...(told ?? []));
  }
  events.push(...(reader.end?.(exit) ?? []));
  const { transcript } = reader;
  return { events, unknown, outcome: outcomeOf({ transcript, exit, rules, outputLimit: undefined, dateMs }) };
}
