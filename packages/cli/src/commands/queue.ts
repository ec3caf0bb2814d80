import { GetStatusResponse } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { Command } from "commander";
import { queueLines } from "../describe-queue.js";
import { readOn, untilInterrupted } from "../following.js";
import { type Io, say, sayFormatted, sayJson } from "../io.js";
import { atQueue, type QueueOptions, withQueue } from "../operator.js";
import { queueTaskCommands } from "./queue-tasks.js";

export function queueCommand(io: Io): Command {
  const command = new Command("queue").description("show the queue, and show and change tasks of every agent");
  for (const sub of [statusCommand(io), ...queueTaskCommands(io)]) command.addCommand(sub);
  return command;
}

type StatusOptions = QueueOptions & { readonly watch?: true };

function statusCommand(io: Io): Command {
  const status = new Command("status")
    .description("show what waits and runs by engine, class and agent, what is paused, and the executors")
    .option("--watch", "show it again whenever it changes, at most once a second, until Ctrl-C");
  return withQueue(status)
    .addHelpText(
      "after",
      `
Examples:
  ccsp queue status --watch
  ccsp queue status --json | jq .gates`,
    )
    .action(async ({ watch, ...options }: StatusOptions) => {
      const show = (answer: GetStatusResponse) => {
        if (options.json) sayJson(io, GetStatusResponse.toJSON(answer));
        else for (const line of queueLines(answer)) say(io, line);
      };
      await atQueue(io, options, async (queue) => {
        if (!watch) return show(await queue.getStatus({}));
        await untilInterrupted(io, async (signal) => {
          for await (const { status } of readOn(io, () => queue.watchQueue({}, { signal }), signal)) {
            if (!status) continue;
            if (!options.json) sayFormatted(io, io.stdout.isTTY === true ? CLEAR : `\n${new Date().toISOString()}`);
            show(status);
          }
        });
      });
    });
}

// Moves the cursor to the corner and clears the screen.
const CLEAR = "\u001b[H\u001b[J";
