import { type DestinationStream, destination } from "pino";
import { Counter, type Registry } from "prom-client";

/** What may wait for a disk to take it again. */
const MOST_WAITING_BYTES = 1024 * 1024;

export interface LogStream extends DestinationStream {
  /** Called once a line is written again, with what went wrong since the last time that one was. */
  onRecovery(tell: (lost: Lost) => void): void;
}

/** `failures` writes failed; `dropped` lines will never be written. */
export interface Lost {
  readonly failures: number;
  readonly dropped: number;
}

/**
 * A log on file descriptor `fd` that may fail, as on a full disk, and whose failures are nobody else's: they are counted for `service`
 * and thrown nowhere. A megabyte of lines at most waits for the next write that succeeds; lines that find no room are dropped.
 */
export function openLogStream(service: string, fd: number): LogStream {
  const { failures, dropped } = countersOf(service);
  const stream = destination({ dest: fd, sync: true, maxLength: MOST_WAITING_BYTES });
  let lost: Lost = { failures: 0, dropped: 0 };
  let tell: (lost: Lost) => void = () => {};
  // pino's own listener makes an error of everything but a reader that went away, and after that one stays silent for ever.
  stream.removeAllListeners("error");
  stream.on("error", () => {
    failures.inc();
    lost = { ...lost, failures: lost.failures + 1 };
  });
  stream.on("drop", () => {
    dropped.inc();
    lost = { ...lost, dropped: lost.dropped + 1 };
    // Only a line that finds room has pino write what waits: without this a log that was full once stays silent for ever.
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

/** Has `registry` show how the log of `service` in this process fares, also of a log that is opened later. */
export function showLogFailures(registry: Registry, service: string): void {
  const { failures, dropped } = countersOf(service);
  registry.registerMetric(failures);
  registry.registerMetric(dropped);
}

interface LogCounters {
  readonly failures: Counter;
  readonly dropped: Counter;
}

/** A process has one standard output, and several services may share it. */
const counters = new Map<string, LogCounters>();

function countersOf(service: string): LogCounters {
  const known = counters.get(service);
  if (known) return known;
  const counter = (name: string, help: string) => new Counter({ name, help, registers: [] });
  const made = {
    failures: counter("ccsp_log_write_failures_total", "writes of the log that failed, as on a full disk"),
    dropped: counter("ccsp_log_lines_dropped_total", "lines of the log that were given up because writes failed"),
  };
  counters.set(service, made);
  return made;
}
