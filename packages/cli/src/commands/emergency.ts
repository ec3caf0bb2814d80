import { EmergencyLevel, type EmergencyStopResponse } from "@ccsp/protos/ccsp/queue/v1/emergency.js";
import { wordsOf } from "@ccsp/protos/words.js";
import { Command, InvalidArgumentError } from "commander";
import { type ConnectionOptions, withConnection } from "../connection/connection.js";
import { atQueue, type DirectOptions, type DirectPath, findDirectPath } from "../connection/direct-queue.js";
import { atGateway } from "../connection/operator.js";
import { emergencyLines } from "../describe/queue.js";
import { isForPrograms, NAMELESS } from "../output/format.js";
import { messageJson } from "../output/json-forms.js";
import { showOne } from "../output/show.js";
import { CliError, EXIT, type ExitCode, messageOf } from "../process/exit.js";
import { type Io, note } from "../process/io.js";

export const LEVELS: Readonly<Record<string, EmergencyLevel>> = wordsOf(EmergencyLevel);

// The queue waits up to 5 s for the executors.
const STOP_MS = 8_000;

interface Stop {
  readonly level: EmergencyLevel;
  readonly why: string;
}

type StopOptions = ConnectionOptions & DirectOptions & { readonly direct?: true };

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
    .requiredOption("--why <text>", "why; every refused caller reads it");
  return withConnection(command, NAMELESS)
    .option("--direct", "call the queue itself, not the gateway; needs an operator certificate")
    .option(
      "--queue <target>",
      "gRPC target of the queue for a direct call (CCSP_QUEUE_TARGET; default: the local fleet)",
    )
    .option(
      "--operator-cert-dir <folder>",
      "folder with ca.crt, tls.crt and tls.key for a direct call (CCSP_OPERATOR_TLS_DIR; default: the local fleet's)",
    )
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

If no gateway can be reached within 2 s, it calls the queue directly, with an
operator certificate: the local fleet's, or one of \`ccsp certs issue\`.

Examples:
  ccsp emergency stop --level park-running --why "prompts leak into a log"
  ccsp emergency stop --level kill --why leak --direct --queue 10.0.0.7:3001`,
    )
    .action(async ({ level: asked, why, ...options }: StopOptions & Stop) => {
      const answer = await stop(io, options, { level: asked, why });
      const json = () => messageJson("ccsp.queue.v1.EmergencyStopResponse", answer);
      await showOne(io, options, { json, lines: () => (answer.status ? emergencyLines(answer.status) : []) });
      if (!answer.confirmed && !isForPrograms(options))
        note(io, "not every executor has confirmed: check again with the same command, or `ccsp queue status`");
      end(answer.confirmed ? EXIT.ok : EXIT.failed);
    });
}

async function stop(io: Io, options: StopOptions, request: Stop): Promise<EmergencyStopResponse> {
  if (options.direct) return stopDirectly(io, await findDirectPath(io, options), request);
  try {
    return await atGateway(io, options, async (gateway) => {
      await gateway.reachable();
      return gateway.emergencyStop(request, { timeoutMs: STOP_MS });
    });
  } catch (error) {
    const { exitCodeOf } = await import("../connection/failed-call.js"); // loads gRPC
    if (exitCodeOf(error) !== EXIT.unavailable) throw error;
    return await stopWithout(io, options, { request, error });
  }
}

/** The gateway did not stop anything, as `error` says. A repeated stop is safe, so it does not matter what it began. */
async function stopWithout(
  io: Io,
  options: StopOptions,
  { request, error }: { readonly request: Stop; readonly error: unknown },
): Promise<EmergencyStopResponse> {
  let path: DirectPath;
  try {
    path = await findDirectPath(io, options);
  } catch (missing) {
    throw new CliError(EXIT.unavailable, messageOf(error), [messageOf(missing)]);
  }
  const message = `${messageOf(error)}: calling the queue directly at ${path.target}`;
  note(io, options.json ? JSON.stringify({ warning: { message } }) : message);
  return stopDirectly(io, path, request);
}

const stopDirectly = (io: Io, path: DirectPath, request: Stop): Promise<EmergencyStopResponse> =>
  atQueue(io, path, (queue, who) => queue.emergencyStop({ ...request, who }, { timeoutMs: STOP_MS }));

function resumeCommand(io: Io): Command {
  const command = new Command("resume")
    .description("end the emergency stop")
    .requiredOption("--why <text>", "why work may resume");
  return withConnection(command, NAMELESS)
    .addHelpText("after", '\nExample:\n  ccsp emergency resume --why "the log is closed"')
    .action(async ({ why, ...options }: ConnectionOptions & Pick<Stop, "why">) => {
      const { resumed } = await atGateway(io, options, (gateway) =>
        gateway.resumeQueue({ scope: { scope: { $case: "emergency", value: true } }, why }),
      );
      const line = resumed ? "the emergency stop is over" : "no emergency stop was in force";
      await showOne(io, options, { json: () => ({ resumed }), lines: () => [line] });
    });
}

function level(name: string): EmergencyLevel {
  const found = LEVELS[name];
  if (found === undefined) throw new InvalidArgumentError(`It must be one of ${Object.keys(LEVELS).join(", ")}.`);
  return found;
}
