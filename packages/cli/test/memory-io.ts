import { Readable, Writable } from "node:stream";
import type { EndSignal, Io } from "../src/io.js";

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
  /** Whether a person answers: standard input and standard error are a terminal too, and `stdin` is what is typed. */
  readonly person?: boolean;
  /** Called when a person is asked a question, with a function that presses Ctrl-C. */
  readonly onQuestion?: (interrupt: () => void) => void;
  /** Called with everything that was written to standard output so far, and with a function that presses Ctrl-C. */
  readonly onOutput?: (stdout: string, interrupt: () => void) => void;
}

/** Runs a command line in this process, with streams in memory. */
export async function ccsp(args: readonly string[], invocation: Invocation = {}): Promise<Outcome> {
  const { io, written } = memoryIo(invocation);
  // Imported in the same way as the program imports its commands. Mocha requires the tests instead, which would load
  // every class of the program a second time.
  const { runCli } = await import("../src/program.js");
  const code = await runCli(args, io);
  return { code, ...written };
}

/** Streams in memory, and what was written to them so far. */
export function memoryIo({ env = {}, stdin = "", terminal = false, person = false, ...hooks }: Invocation = {}) {
  const written = { stdout: "", stderr: "" };
  const listeners = new Set<(signal: EndSignal) => void>();
  const interrupt = () => {
    for (const listener of listeners) listener("SIGINT");
  };
  const sink = (name: keyof typeof written) =>
    new Writable({
      decodeStrings: false,
      write(chunk: string, _encoding, done) {
        written[name] += chunk;
        if (name === "stdout") hooks.onOutput?.(written.stdout, interrupt);
        if (name === "stderr" && chunk.endsWith("? [y/N] ")) hooks.onQuestion?.(interrupt);
        done();
      },
    });
  const io: Io = {
    env,
    stdin: Object.assign(Readable.from([stdin]), { isTTY: person }),
    stdout: Object.assign(sink("stdout"), { isTTY: terminal }),
    stderr: Object.assign(sink("stderr"), { isTTY: person }),
    onInterrupt(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    onOutputFault: () => () => {},
  };
  return { io, written };
}
