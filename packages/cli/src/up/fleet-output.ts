import { mayColour } from "../output/colour.js";
import { count } from "../output/words.js";
import { type Io, note } from "../process/io.js";
import { printable } from "../process/printable.js";
import type { FleetLog } from "./fleet-log.js";
import { createLineFormat, type FleetLine, fleetWarning } from "./log-lines.js";
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
  const line = countingLost((each, done) => {
    const text = json ? printable(JSON.stringify(each)) : format(each);
    view.aside(() => io.stdout.write(`${text}\n`, (error) => done(error === undefined || error === null)));
  });
  // The output of `ccsp up` waits for no reader (see main.ts). So it loses lines without an error.
  const onLost = ({ dropped }: { readonly dropped: number }) => line(lostLine(dropped));
  io.stdout.on("lost", onLost);
  return {
    line,
    tell: (text) => view.aside(() => note(io, text)),
    close: () => {
      io.stdout.off("lost", onLost);
      stopListening();
    },
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
        write(lostLine(gone));
      }
    });
  return write;
}

const lostLine = (lost: number): FleetLine =>
  fleetWarning(`${count(lost, "line")} before this one could not be written here`);
