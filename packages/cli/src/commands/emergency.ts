import { EmergencyLevel } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { Command, InvalidArgumentError } from "commander";
import { emergencyLines } from "../describe-queue.js";
import { EXIT, type ExitCode } from "../exit.js";
import { type Io, note } from "../io.js";
import { messageJson } from "../json-forms.js";
import { atQueue, type QueueOptions, userOf, withQueue } from "../operator.js";
import { isForPrograms, NAMELESS } from "../output/format.js";
import { showOne } from "../output/show.js";

export const LEVELS: Readonly<Record<string, EmergencyLevel>> = {
  "no-submit": EmergencyLevel.NO_SUBMIT,
  "no-start": EmergencyLevel.NO_START,
  "park-running": EmergencyLevel.PARK_RUNNING,
  kill: EmergencyLevel.KILL,
};

// The queue waits up to 5 s for the executors.
const STOP_MS = 8_000;

interface StopOptions extends QueueOptions {
  readonly level: EmergencyLevel;
  readonly why: string;
  readonly who?: string;
}

export function emergencyCommand(io: Io, end: (code: ExitCode) => void): Command {
  return new Command("emergency")
    .description("stop all work in the whole installation at once, and resume it")
    .addCommand(stopCommand(io, end))
    .addCommand(resumeCommand(io));
}

function stopCommand(io: Io, end: (code: ExitCode) => void): Command {
  const command = new Command("stop")
    .description("stop up to a level, and show what each executor ended")
    .requiredOption("--level <level>", `how far: ${Object.keys(LEVELS).join(", ")}`, level)
    .requiredOption("--why <text>", "why; every refused caller reads it")
    .option("--who <name>", "who stops it (default: $USER)");
  return withQueue(command, NAMELESS)
    .addHelpText(
      "after",
      `
Levels, each with what the ones before it do:
  no-submit      no task is accepted
  no-start       no task is started; running tasks continue
  park-running   running tasks are ended, and run again after the resume
  kill           running tasks are killed, and end as CANCELLED

Answers within 5 s. Ends with 1 when the stop is in force but not every executor
has confirmed that nothing runs there.

Example:
  ccsp emergency stop --level park-running --why "prompts leak into a log"`,
    )
    .action(async ({ level: asked, why, who, ...options }: StopOptions) => {
      const answer = await atQueue(io, options, (queue) =>
        queue.emergencyStop({ level: asked, why, who: who ?? userOf(io) }, { timeoutMs: STOP_MS }),
      );
      const json = () => messageJson("ccsp.queue.v1.EmergencyStopResponse", answer);
      await showOne(io, options, { json, lines: () => (answer.status ? emergencyLines(answer.status) : []) });
      if (!answer.confirmed && !isForPrograms(options))
        note(io, "not every executor has confirmed: check again with `ccsp queue status`");
      end(answer.confirmed ? EXIT.ok : EXIT.failed);
    });
}

function resumeCommand(io: Io): Command {
  const command = new Command("resume")
    .description("end the emergency stop")
    .requiredOption("--why <text>", "why work may resume")
    .option("--who <name>", "who resumes (default: $USER)");
  return withQueue(command, NAMELESS)
    .addHelpText("after", '\nExample:\n  ccsp emergency resume --why "the log is closed"')
    .action(async ({ why, who, ...options }: Omit<StopOptions, "level">) => {
      const { resumed } = await atQueue(io, options, (queue) =>
        queue.resumeQueue({ scope: { scope: { $case: "emergency", value: true } }, why, who: who ?? userOf(io) }),
      );
      const line = resumed ? "the emergency stop is over" : "no emergency stop was in force";
      await showOne(io, options, { json: () => ({ resumed }), lines: () => [line] });
    });
}

function level(name: string): EmergencyLevel {
  const found = LEVELS[name];
  if (found === undefined) throw new InvalidArgumentError(`It is none of ${Object.keys(LEVELS).join(", ")}.`);
  return found;
}
