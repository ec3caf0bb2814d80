import type { MessageClient } from "@ccsp/client/messages";
import { toRunEvent, toTask, toTaskEvent } from "@ccsp/client/plain";
import { TaskEvent, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import { Command } from "commander";
import { type ConnectionOptions, connected, withConnection } from "../connection/connection.js";
import { type EventWithJson, eventsWithJson, withJson } from "../follow/event-with-json.js";
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
      const { followRun } = await import("../follow/follow-run.js"); // loads gRPC
      const code = await connected(io, { ...options, patient: true }, async (client) => {
        const taskId = await ownTaskId(client, named);
        const task = await client.get(taskId);
        return followRun(io, {
          client,
          events: (signal) => runEvents(client, taskId, { afterSequence: after, signal }),
          json: options.json === true,
          quiet: options.quiet === true,
          cancelOnInterrupt: false,
          known: { task: toTask(task), after },
        });
      });
      end(code);
    });
}

async function* runEvents(
  client: MessageClient,
  taskId: string,
  from: { readonly afterSequence: number; readonly signal: AbortSignal },
): AsyncGenerator<EventWithJson, void> {
  let ended = false;
  for await (const each of eventsWithJson(client.watch(taskId, from))) {
    ended = each.event.type === "ended";
    yield each;
  }
  if (ended) return;
  // The task had ended before, so the log has no entry left to show. The user still needs to know how the task ended.
  const task = await client.get(taskId, from);
  if (!ENDS.includes(task.state)) return;
  const value = { state: task.state, result: task.result, error: task.error };
  const entry = TaskEvent.fromPartial({ sequence: from.afterSequence, event: { $case: "taskEnded", value } });
  const event = toRunEvent(toTaskEvent(entry));
  if (event) yield withJson(event, entry);
}

const ENDS = [TaskState.SUCCEEDED, TaskState.FAILED, TaskState.CANCELLED, TaskState.EXPIRED];
