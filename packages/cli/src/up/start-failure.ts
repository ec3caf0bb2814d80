import { NO_PROGRESS, PartFailed } from "@ccsp/fleet";
import { CliError, EXIT, messageOf } from "../process/exit.js";

const MOST_LINES = 8;

/** Known causes, and what a person can do about them. The first that fits counts. */
const WHAT_TO_DO: readonly (readonly [RegExp, string])[] = [
  [
    new RegExp(NO_PROGRESS),
    "mend what it waits for; if this machine is only busy, wait longer: set CCSP_START_LIMIT, such as to 5m",
  ],
  [/EADDRINUSE|address already in use/i, "stop the program that has this port, or start the fleet with --ports free"],
  [/REDIS_SERVER_BIN|CONSUL_BIN|CCSP_\w+/, "correct the setting that it names, then start the fleet again"],
  [/ENOSPC|no space left/i, "free disk space, then start the fleet again"],
  [/EACCES|permission denied/i, "give this user access to the file that it names, then start the fleet again"],
  [/does not exist: build first/, "run `make build`"],
];

/** What a part of the fleet runs, where the cause is not in a setting. */
const PROGRAM_OF: Readonly<Record<string, string>> = {
  redis: "check that redis-server runs by itself; REDIS_SERVER_BIN names another one",
  consul: "check that consul runs by itself; CONSUL_BIN names another one, and CCSP_WITHOUT_CONSUL=1 does without",
};

/**
 * The error that a person sees when a fleet did not start: the part, the cause, what to do, and where the log is.
 * `where` says where the output of the part is.
 */
export function startFailure(error: unknown, where: (part: string) => string): CliError {
  if (error instanceof CliError) return error;
  if (error instanceof PartFailed) {
    const { part, why, output } = error;
    const shown = output.filter((line) => !line.startsWith("{")).slice(-MOST_LINES);
    return new CliError(EXIT.failed, error.message, [
      ...shown.filter((line) => line.trim() !== why).map((line) => `  ${line}`),
      `What to do: ${whatToDo(part, [why, ...shown].join("\n"))}`,
      `Its log: ${where(part)}`,
    ]);
  }
  const [message = "", ...details] = messageOf(error).split("\n");
  return new CliError(EXIT.failed, `the fleet is not ready: ${message}`, details);
}

function whatToDo(part: string, text: string): string {
  const known = WHAT_TO_DO.find(([cause]) => cause.test(text))?.[1];
  return known ?? PROGRAM_OF[part] ?? "correct the cause, then start the fleet again; its log says more";
}
