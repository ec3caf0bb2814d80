import { once } from "node:events";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { Interrupted } from "../process/exit.js";
import { type Io, note } from "../process/io.js";
import { printable } from "../process/printable.js";

/**
 * Asks for a secret on standard error and returns the line that was typed, which the terminal does not show. Returns ""
 * at the end of standard input. When the person presses Ctrl-C instead, throws what ends the command.
 */
export async function askHidden(io: Io, question: string): Promise<string> {
  io.stderr.write(printable(question));
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  // With `terminal`, readline turns the terminal's own echo off and writes the typed line to `output` itself.
  const lines = createInterface({ input: io.stdin, output: nowhere, terminal: true });
  const leaving = new AbortController();
  const stopListening = io.onInterrupt((signal) => leaving.abort(signal));
  lines.on("SIGINT", () => leaving.abort("SIGINT")); // the terminal makes no signal of the key now
  lines.on("close", () => leaving.abort("end"));
  try {
    const [line]: unknown[] = await once(lines, "line", { signal: leaving.signal });
    return String(line).trim();
  } catch (error) {
    const { reason } = leaving.signal;
    if (reason === "end") return "";
    if (reason === "SIGINT" || reason === "SIGTERM" || reason === "SIGHUP") throw new Interrupted(reason);
    throw error;
  } finally {
    stopListening();
    lines.close();
    note(io, "");
  }
}
