import { EXIT, EXIT_OF_SIGNAL } from "./exit.js";
import type { EndSignal, Io } from "./io.js";

const SIGNALS: readonly EndSignal[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/** This process, as the commands see it. A command that listens to nothing ends at once, with the code of its end. */
export function processIo(): Io {
  const faults = listeners<NodeJS.ErrnoException>((error) => {
    // A reader that has seen enough, such as `head`, is not an error. Other commands are ended by SIGPIPE then, which
    // Node ignores.
    if (error.code === "EPIPE") process.exit(EXIT.unread);
    process.stderr.write(`ccsp: the output cannot be written: ${error.message}\n`);
    process.exit(EXIT.failed);
  });
  const interrupts = listeners<EndSignal>((signal) => {
    // A service in this process has a listener of its own.
    if (process.listenerCount(signal) === 1) process.exit(EXIT_OF_SIGNAL[signal]);
  });
  process.stdout.on("error", faults.tell);
  // An error of stderr itself cannot be reported anywhere.
  process.stderr.on("error", () => {});
  for (const signal of SIGNALS) process.on(signal, interrupts.tell);
  return {
    env: process.env,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    onInterrupt: interrupts.add,
    onOutputFault: faults.add,
  };
}

/** Tells every listener, or else calls `otherwise`. */
function listeners<T>(otherwise: (news: T) => void) {
  const all = new Set<(news: T) => void>();
  return {
    add: (listener: (news: T) => void) => {
      all.add(listener);
      return () => {
        all.delete(listener);
      };
    },
    tell: (news: T) => {
      if (all.size === 0) otherwise(news);
      for (const listener of all) listener(news);
    },
  };
}
