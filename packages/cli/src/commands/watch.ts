import { type CcspClient, type RunEvent, type Task, TaskState, toRunEvents } from "@ccsp/client";
import { Command } from "commander";
import { type ConnectionOptions, connected, withConnection } from "../connection/connection.js";
import { followRun } from "../follow/follow-run.js";
import { wholeNumber } from "../options/option-values.js";
import { TASK_ARGUMENT } from "../options/task-id.js";
import type { ExitCode } from "../process/exit.js";
import type { Io } from "../process/io.js";
import { ownTaskId } from "../tasks/own-task.js";

type WatchOptions = ConnectionOptions & { readonly after: number; readonly quiet?: true };

export function watchCommand(io: Io, end: (code: ExitCode) => void): Command {
  const command = new Command("watch")
    .description("stream a task's answer, from the beginning or from a given sequence")
    .argument("<task>", TASK_ARGUMENT)
    .option("--after <sequence>", "last sequence that was seen; 0 for all", wholeNumber(), 0)
    .option("-q, --quiet", "print only the answer, or why there is none");
  return withConnection(command)
    .addHelpText(
      "after",
      `
Ends when the task ends, with the exit code that "ccsp run" would have had.

Examples:
  ccsp watch "$(ccsp submit 'Write a haiku')"
  ccsp watch TASK --after 12 -o json`,
    )
    .action(async (named: string, { after, ...options }: WatchOptions) => {
      const code = await connected(io, { ...options, patient: true }, async (client) => {
        const taskId = await ownTaskId(client, named);
        const task = await client.get(taskId);
        return followRun(io, {
          client,
          events: (signal) => runEvents(client, taskId, { afterSequence: after, signal }),
          json: options.json === true,
          quiet: options.quiet === true,
          cancelOnInterrupt: false,
          known: { task, after },
        });
      });
      end(code);
    });
}

async function* runEvents(
  client: CcspClient,
  taskId: string,
  from: { readonly afterSequence: number; readonly signal: AbortSignal },
): AsyncGenerator<RunEvent, void> {
  let ended = false;
  for await (const event of toRunEvents(client.watch(taskId, from))) {
    ended = event.type === "ended";
    yield event;
  }
  if (ended) return;
  // The task had ended before, so the log has no entry left to show. The user still needs to know how the task ended.
  const end = endOf(await client.get(taskId, from), from.afterSequence);
  if (end) yield end;
}

function endOf({ state, result, error }: Task, sequence: number): RunEvent | undefined {
  const name = ENDS.find((end) => TaskState[end] === state);
  return name && { type: "ended", sequence, state: name, result, error };
}

const ENDS = ["SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED"] as const;
