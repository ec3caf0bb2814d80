import type { Logger } from "pino";

/** The log of work that is repeated: an outage is two lines, also when the work is tried every second. */
export interface FailuresLog {
  /** Logs a warning with `err`, if the work did not fail the last time. */
  failed(err: unknown): void;
  /** Logs that the work succeeds again, if it failed the last time. */
  succeeded(): void;
}

/** Returns a log of failures. `fields` are in both lines. */
export function failuresLog(
  log: Logger,
  { failed, again, fields = {} }: { failed: string; again: string; fields?: Readonly<Record<string, unknown>> },
): FailuresLog {
  let failing = false;
  return {
    failed(err) {
      if (!failing) log.warn({ ...fields, err }, failed);
      failing = true;
    },
    succeeded() {
      if (failing) log.info(fields, again);
      failing = false;
    },
  };
}
