import { EXIT, EXIT_OF_SIGNAL, type ExitCode } from "../process/exit.js";
import { type EndSignal, type Io, note } from "../process/io.js";

/** Why a command leaves a task that continues: a signal, or an output that cannot be written any more. */
export interface Leaving {
  /** Aborts when the command should leave. */
  readonly signal: AbortSignal;
  /** The exit code that follows from it. */
  readonly code: ExitCode;
  close(): void;
}

/** Listens until it is closed. `keeps` is asked about each signal, and returns true when the command should stay. */
export function listenForLeaving(io: Io, keeps: (signal: EndSignal) => boolean): Leaving {
  const leaving = new AbortController();
  let code: ExitCode = EXIT.interrupted;
  const leave = (why: ExitCode) => {
    code = why;
    leaving.abort();
  };
  const stopListening = io.onInterrupt((signal) => {
    if (!keeps(signal)) leave(EXIT_OF_SIGNAL[signal]);
  });
  const stopHearing = io.onOutputFault((fault) => {
    // A reader that has seen enough, such as `head`, is not an error.
    if (fault.code === "EPIPE") return leave(EXIT.unread);
    note(io, `ccsp: the output cannot be written: ${fault.message}`);
    leave(EXIT.failed);
  });
  return {
    signal: leaving.signal,
    get code() {
      return code;
    },
    close() {
      stopListening();
      stopHearing();
    },
  };
}
