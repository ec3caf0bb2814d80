import type { DiagLogger } from "@opentelemetry/api";

/** A collector that is away fails a batch every few seconds; more lines than this say nothing new. */
const QUIET_MS = 60_000;

/** Writes what OpenTelemetry complains about to stderr, one JSON line a minute at most, with the number of those left out. */
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
