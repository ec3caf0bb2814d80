import { createInterface } from "node:readline/promises";
import { Interrupted } from "../process/exit.js";
import type { EndSignal, Io } from "../process/io.js";
import { printable } from "../process/printable.js";

/** Whether a person can answer a question here. */
export const canAsk = ({ stdin, stderr }: Io): boolean => stdin.isTTY === true && stderr.isTTY === true;

/**
 * Asks a question on standard error and returns the line that was answered, or "" at the end of standard input. When the
 * person presses Ctrl-C instead, throws what ends the command.
 */
export async function ask(io: Io, question: string): Promise<string> {
  const leaving = new AbortController();
  let signal: EndSignal = "SIGINT";
  const stopListening = io.onInterrupt((given) => {
    signal = given;
    leaving.abort();
  });
  // Without `terminal`, the terminal itself edits the line and makes signals of keys, as for other commands.
  const lines = createInterface({ input: io.stdin, output: io.stderr, terminal: false });
  lines.once("close", () => leaving.abort("end"));
  try {
    return (await lines.question(printable(question), { signal: leaving.signal })).trim();
  } catch (error) {
    if (leaving.signal.reason === "end") return "";
    if (!leaving.signal.aborted) throw error;
    throw new Interrupted(signal);
  } finally {
    stopListening();
    lines.close();
  }
}
