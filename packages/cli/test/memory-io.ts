import { PassThrough, Readable, Writable } from "node:stream";

import type { EndSignal, Io } from "../src/process/io.js";

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Invocation {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** Whether standard output is a terminal. */
  readonly terminal?: boolean;
  /** Width of the terminal. Absent: it does not say. */
  readonly columns?: number;
  /** Whether a person answers: standard input and standard error are a terminal too, and `stdin` is what is typed. */
  readonly person?: boolean;
  /** What a person types, one line for each question. */
  readonly answers?: readonly string[];
  /** Called when a person is asked a question, with a function that presses Ctrl-C. */
  readonly onQuestion?: (interrupt: () => void) => void;
  /** Called with everything that was written to standard output so far, and with a function that presses Ctrl-C. */
  readonly onOutput?: (stdout: string, interrupt: () => void) => void;
  /** Called at the start, with a function that presses Ctrl-C. */
  readonly onStart?: (interrupt: () => void) => void;
  /** Called with everything that was written to standard error so far. */
  readonly onNote?: (stderr: string) => void;
}

/** Runs a command line in this process, with streams in memory. */
export async function ccsp(args: readonly string[], invocation: Invocation = {}): Promise<Outcome> {
  const { io, written } = memoryIo(invocation);
  // Mocha loads test files with `require`, and the program loads its commands with `import`. When the program is
  // imported too, both have the same modules.
  const { runCli } = await import("../src/program.js");
  const code = await runCli(args, io);
  return { code, ...written };
}

/** Streams in memory, and what was written to them so far. */
export function memoryIo({
  env = {},
  stdin = "",
  terminal = false,
  columns,
  person = false,
  ...hooks
}: Invocation = {}) {
  const written = { stdout: "", stderr: "" };
  const typed = [...(hooks.answers ?? [])];
  const keyboard = new PassThrough();
  const listeners = new Set<(signal: EndSignal) => void>();
  const interrupt = () => {
    for (const listener of listeners) listener("SIGINT");
  };
  hooks.onStart?.(interrupt);
  const sink = (name: keyof typeof written) =>
    new Writable({
      decodeStrings: false,
      write(chunk: string, _encoding, done) {
        written[name] += chunk;
        if (name === "stdout") hooks.onOutput?.(written.stdout, interrupt);
        if (name === "stderr") hooks.onNote?.(written.stderr);
        if (name === "stderr" && chunk.endsWith("? [y/N] ")) hooks.onQuestion?.(interrupt);
        if (name === "stderr" && hooks.answers && /\? (\[.*\] )?$/.test(chunk)) {
          const line = typed.shift();
          if (line === undefined) keyboard.end();
          else setImmediate(() => keyboard.write(`${line}\n`));
        }
        done();
      },
    });
  const io: Io = {
    env,
    stdin: Object.assign(hooks.answers ? keyboard : Readable.from([stdin]), { isTTY: person }),
    stdout: Object.assign(sink("stdout"), { isTTY: terminal, ...(columns !== undefined && { columns }) }),
    stderr: Object.assign(sink("stderr"), { isTTY: person }),
    onInterrupt(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    onOutputFault: () => () => {},
  };
  return { io, written };
}
