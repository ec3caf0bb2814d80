import { mayColour } from "../output/colour.js";
import { count } from "../output/words.js";
import { type Io, note } from "../process/io.js";
import { printable } from "../process/printable.js";
import type { FleetLog } from "./fleet-log.js";
import { createLineFormat, type FleetLine } from "./log-lines.js";
import type { StartView } from "./start-view.js";

/** Where the lines of a fleet go. These methods never fail: a fleet keeps running when its log cannot be written. */
export interface FleetOutput {
  /** A line that a process of the fleet wrote. */
  line(line: FleetLine): void;
  /** A message of the fleet itself, for the person who started it. */
  readonly tell: (text: string) => void;
  close(): void;
}

/**
 * Output to the terminal, or to where standard output and error lead: lines to standard output, messages to standard
 * error.
 */
export function outputTo(io: Io, json: boolean, view: Pick<StartView, "aside">): FleetOutput {
  const format = createLineFormat(mayColour(io));
  const stopListening = io.onOutputFault(() => {});
  return {
    line: countingLost((line, done) => {
      const text = json ? printable(JSON.stringify(line)) : format(line);
      view.aside(() => io.stdout.write(`${text}\n`, (error) => done(error === undefined || error === null)));
    }),
    tell: (text) => view.aside(() => note(io, text)),
    close: stopListening,
  };
}

/** Output to the log of a fleet in the background. The messages of the fleet itself are among the lines. */
export function outputToLog(log: FleetLog): FleetOutput {
  const line = countingLost((each, done) => done(log.append(JSON.stringify(each))));
  return { line, tell: (text) => line({ source: "fleet", line: text }), close: () => log.close() };
}

/**
 * Counts lines that could not be written. As soon as a line can be written again, it also writes how many were lost.
 */
function countingLost(put: (line: FleetLine, done: (written: boolean) => void) => void): (line: FleetLine) => void {
  let lost = 0;
  const write = (line: FleetLine): void =>
    put(line, (written) => {
      if (!written) lost += 1;
      else if (lost > 0) {
        const gone = lost;
        lost = 0;
        write({ source: "fleet", line: `${count(gone, "line")} before this one could not be written here` });
      }
    });
  return write;
}
