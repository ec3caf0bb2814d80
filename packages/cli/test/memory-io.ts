import { Readable, Writable } from "node:stream";
import type { Io } from "../src/io.js";

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
  /** Called with everything that was written to standard output so far, and with a function that presses Ctrl-C. */
  readonly onOutput?: (stdout: string, interrupt: () => void) => void;
}

/** Runs a command line in this process, with streams in memory. */
export async function ccsp(
  args: readonly string[],
  { env = {}, stdin = "", terminal = false, onOutput }: Invocation = {},
): Promise<Outcome> {
  const written = { stdout: "", stderr: "" };
  const listeners = new Set<() => void>();
  const interrupt = () => {
    for (const listener of listeners) listener();
  };
  const sink = (name: keyof typeof written) =>
    new Writable({
      decodeStrings: false,
      write(chunk: string, _encoding, done) {
        written[name] += chunk;
        if (name === "stdout") onOutput?.(written.stdout, interrupt);
        done();
      },
    });
  const io: Io = {
    env,
    stdin: Readable.from([stdin]),
    stdout: Object.assign(sink("stdout"), { isTTY: terminal }),
    stderr: sink("stderr"),
    onInterrupt(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    onOutputFault: () => () => {},
  };
  // Mocha loads test files with `require`, and the program loads its commands with `import`. When the program is
  // imported too, both have the same modules.
  const { runCli } = await import("../src/program.js");
  const code = await runCli(args, io);
  return { code, ...written };
}
