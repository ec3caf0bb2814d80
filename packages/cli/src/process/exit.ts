import type { EndSignal } from "./io.js";

/** The exit codes, which scripts can read. --help and README.md document it. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  denied: 3,
  notFound: 4,
  unavailable: 5,
  cancelled: 6,
  stopped: 7,
  hungUp: 129,
  interrupted: 130,
  unread: 141,
  terminated: 143,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_HELP = `Exit codes:
  0    ok
  1    the task failed, a part of the fleet failed, or something unexpected
       happened
  2    wrong usage, or a request that CCSP refuses as invalid
  3    not authenticated, or not allowed
  4    no such task, schedule, executor or session
  5    CCSP, or a Redis or Consul that its settings name, does not answer; or
       CCSP is full or overloaded: try again
  6    the task was cancelled
  7    CCSP takes no such task now, and trying again does not help: an emergency
       stop is in force, or a budget is used up
  129  the terminal was closed
  130  interrupted with Ctrl-C
  141  the reader of the output has gone, such as head
  143  ended by SIGTERM`;

/** The exit code of a command that a signal ended: 128 and the number of the signal, as shells count. */
export const EXIT_OF_SIGNAL: Readonly<Record<EndSignal, ExitCode>> = {
  SIGHUP: EXIT.hungUp,
  SIGINT: EXIT.interrupted,
  SIGTERM: EXIT.terminated,
};

/** A failure with a message for people and an exit code for scripts. */
export class CliError extends Error {
  readonly code: ExitCode;
  /** The lines to show. The message is always one line; only `details` add more lines. */
  readonly lines: readonly string[];

  constructor(code: ExitCode, message: string, details: readonly string[] = []) {
    super([message, ...details].join("\n"));
    this.code = code;
    this.lines = [message, ...details];
  }
}

/** What a person has to know of any error, on one line or more. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The same, as the lines to show. */
export const linesOf = (error: unknown): readonly string[] =>
  error instanceof CliError ? error.lines : [messageOf(error)];

/** A signal ended the command. There is nothing to say: the person knows. */
export class Interrupted extends CliError {
  constructor(signal: EndSignal) {
    super(EXIT_OF_SIGNAL[signal], "");
  }
}
