import { EXIT } from "./exit.js";
import type { Io } from "./io.js";

/** This process, as the commands see it. */
export function processIo(): Io {
  const faultListeners = new Set<() => void>();
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    for (const listener of faultListeners) listener();
    if (faultListeners.size > 0) return;
    // A reader that has seen enough, such as `head`, is not an error.
    if (error.code === "EPIPE") process.exit(EXIT.interrupted);
    process.stderr.write(`ccsp: the output cannot be written: ${error.message}\n`);
    process.exit(EXIT.failed);
  });
  // An error of stderr itself cannot be reported anywhere.
  process.stderr.on("error", () => {});
  return {
    env: process.env,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    onInterrupt(listener) {
      process.on("SIGINT", listener).on("SIGTERM", listener);
      return () => process.off("SIGINT", listener).off("SIGTERM", listener);
    },
    onOutputFault(listener) {
      faultListeners.add(listener);
      return () => faultListeners.delete(listener);
    },
  };
}
