import { type RunEvent, type TaskEvent, toRunEvent } from "@ccsp/client";
import { Command } from "commander";
import { type ConnectionOptions, connected, withConnection } from "../connection.js";
import type { ExitCode } from "../exit.js";
import { followRun } from "../follow-run.js";
import type { Io } from "../io.js";
import { number } from "../task-options.js";

type WatchOptions = ConnectionOptions & { readonly after: number };

export function watchCommand(io: Io, end: (code: ExitCode) => void): Command {
  const command = new Command("watch")
    .description("stream a task's answer, from the beginning or from where you left")
    .argument("<task>", "task id")
    .option("--after <sequence>", "last sequence that was seen; 0 for all", number, 0);
  return withConnection(command)
    .addHelpText(
      "after",
      `
Ends when the task ends, with the exit code that "ccsp run" would have had.

Examples:
  ccsp watch "$(ccsp submit 'Write a haiku')"
  ccsp watch TASK --after 12 --json`,
    )
    .action(async (taskId: string, { after, ...options }: WatchOptions) => {
      const code = await connected(io, { ...options, patient: true }, async (client) => {
        const { traceId } = await client.get(taskId);
        return followRun(io, {
          client,
          events: (signal) => runEvents(client.watch(taskId, { afterSequence: after, signal })),
          json: options.json === true,
          cancelOnInterrupt: false,
          known: { taskId, traceId },
        });
      });
      end(code);
    });
}

async function* runEvents(entries: AsyncIterable<TaskEvent>): AsyncGenerator<RunEvent, void> {
  for await (const entry of entries) {
    const event = toRunEvent(entry);
    if (event) yield event;
  }
}
