import type { DiagLogger } from "@opentelemetry/api";
import { foreignMessage } from "./describe-error.js";
import { openOutput } from "./output.js";
import { currentService, type ServiceIdentity } from "./service-scope.js";

const STDERR = 2;

/** While a collector is down, a batch fails every few seconds. More lines than one per minute would say nothing new. */
const QUIET_MS = 60_000;

/**
 * Writes OpenTelemetry's errors to stderr, at most one JSON line per minute. The line has the number of errors that
 * were left out. Of an error, the line has what `describeError` lets through of other code.
 */
export function exportFaults(
  write: (line: string) => void = (line) => openOutput(STDERR).write(line),
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
      `${JSON.stringify({ level: "error", time: new Date(now()).toISOString(), ...nameOf(currentService()), msg: "tracing fault", fault: faultOf(message), leftOut })}\n`,
    );
    quietUntil = now() + QUIET_MS;
    leftOut = 0;
  };
  const ignore = (): void => {};
  return { error, warn: ignore, info: ignore, debug: ignore, verbose: ignore };
}

/** As in the lines of the log. */
const nameOf = (service: ServiceIdentity | undefined) =>
  service && { service: service.name, instance: service.instance };

/** The SDK tells an error as JSON of all of its properties. */
function faultOf(message: string): string {
  try {
    const error: { readonly name?: unknown; readonly code?: unknown; readonly message?: unknown } = JSON.parse(message);
    return foreignMessage(error.code ?? error.name, String(error.message));
  } catch {
    return foreignMessage(undefined, message);
  }
}
