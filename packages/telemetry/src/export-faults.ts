import type { DiagLogger } from "@opentelemetry/api";

/** While a collector is down, a batch fails every few seconds. More lines than one per minute would say nothing new. */
const QUIET_MS = 60_000;

/**
 * Writes OpenTelemetry's errors to stderr, at most one JSON line per minute. The line has the number of errors that
 * were left out.
 */
export function exportFaults(
  write: (line: string) => void = (line) => process.stderr.write(line),
  now: () => number = Date.now,
): DiagLogger {
  let quietUntil = 0;
  let leftOut = 0;
  const error = (message: string): void => {
    if (now() < quietUntil) {
      leftOut += 1;
      return;
    }
    write(
      `${JSON.stringify({ level: "error", time: new Date(now()).toISOString(), msg: "tracing fault", fault: message, leftOut })}\n`,
    );
    quietUntil = now() + QUIET_MS;
    leftOut = 0;
  };
  const ignore = (): void => {};
  return { error, warn: ignore, info: ignore, debug: ignore, verbose: ignore };
}
