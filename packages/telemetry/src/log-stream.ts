import { declareCounter } from "@ccsp/metrics";
import { type DestinationStream, destination } from "pino";
import type { Counter, Registry } from "prom-client";

/** The most bytes that may wait until the disk accepts writes again. */
const MOST_WAITING_BYTES = 1024 * 1024;

export interface LogStream extends DestinationStream {
  /**
   * Sets a function. It is called when a write succeeds after failures, with what was lost since the last successful
   * write.
   */
  onRecovery(tell: (lost: Lost) => void): void;
}

/** `failures` is the number of failed writes. `dropped` is the number of lines that will never be written. */
export interface Lost {
  readonly failures: number;
  readonly dropped: number;
}

/**
 * Opens a log on file descriptor `fd`. If a write fails, for example on a full disk, the failure affects no other code:
 * it is counted for `service` and never thrown. At most one megabyte of lines waits for the next successful write.
 * Further lines are dropped.
 */
export function openLogStream(service: string, fd: number): LogStream {
  const { failures, dropped } = countersOf(service);
  const stream = destination({ dest: fd, sync: true, maxLength: MOST_WAITING_BYTES });
  let lost: Lost = { failures: 0, dropped: 0 };
  let tell: (lost: Lost) => void = () => {};
  // pino's own listener turns every fault into an error, except a reader that closed the pipe. After that fault, the
  // stream would write nothing any more.
  stream.removeAllListeners("error");
  stream.on("error", () => {
    failures.inc();
    lost = { ...lost, failures: lost.failures + 1 };
  });
  stream.on("drop", () => {
    dropped.inc();
    lost = { ...lost, dropped: lost.dropped + 1 };
    // pino writes the waiting lines only when a new line fits. Without this empty write, a log that was full once would
    // never write again.
    stream.write("");
  });
  stream.on("write", () => {
    if (lost.failures === 0) return;
    const since = lost;
    lost = { failures: 0, dropped: 0 };
    tell(since);
  });
  return {
    write: (line) => void stream.write(line),
    onRecovery(listener) {
      tell = listener;
    },
  };
}

const FAILURES = declareCounter({
  name: "ccsp_log_write_failures_total",
  help: "Writes of the log that failed, as on a full disk",
});
const DROPPED = declareCounter({
  name: "ccsp_log_lines_dropped_total",
  help: "Lines of the log that were given up because writes failed",
});

/** Adds the counters of failed log writes of `service` to `registry`. This works also if the log is opened later. */
export function showLogFailures(registry: Registry, service: string): void {
  const { failures, dropped } = countersOf(service);
  registry.registerMetric(failures);
  registry.registerMetric(dropped);
}

interface LogCounters {
  readonly failures: Counter;
  readonly dropped: Counter;
}

/** The counters are per service: a process has one standard output, and several services may share it. */
const counters = new Map<string, LogCounters>();

function countersOf(service: string): LogCounters {
  const known = counters.get(service);
  if (known) return known;
  const made = { failures: FAILURES(), dropped: DROPPED() };
  counters.set(service, made);
  return made;
}
