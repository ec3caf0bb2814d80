import { setTimeout as delay } from "node:timers/promises";
import { GetStatusResponse } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { Command } from "commander";
import { queueLines } from "../describe-queue.js";
import { EXIT, exitCodeOf } from "../exit.js";
import { type Io, note, say, sayJson } from "../io.js";
import { atQueue, type QueueClient, type QueueOptions, withQueue } from "../operator.js";
import { queueTaskCommands } from "./queue-tasks.js";

export function queueCommand(io: Io): Command {
  const command = new Command("queue").description("look at the queue, and at tasks of every agent");
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
        await watchStatus(io, queue, (answer) => {
          if (!options.json) say(io, io.stdout.isTTY === true ? CLEAR : `\n${new Date().toISOString()}`);
          show(answer);
        });
      });
    });
}

// Cursor to the corner, and away with what was there.
const CLEAR = "\u001b[H\u001b[J";

const AGAIN_MS = 1_000;

/** Until Ctrl-C: a queue that is away for a while, once it has answered, is asked again. */
async function watchStatus(io: Io, queue: QueueClient, show: (status: GetStatusResponse) => void): Promise<void> {
  const leaving = new AbortController();
  const { signal } = leaving;
  const stopListening = io.onInterrupt(() => leaving.abort());
  let answers = false;
  let answered = false;
  try {
    while (!signal.aborted) {
      try {
        for await (const { status } of queue.watchQueue({}, { signal })) {
          answers = answered = true;
          if (status) show(status);
        }
      } catch (error) {
        if (signal.aborted) return;
        if (!answered || exitCodeOf(error) !== EXIT.unavailable) throw error;
        if (answers) note(io, `asking again: ${error instanceof Error ? error.message : String(error)}`);
        answers = false;
      }
      await delay(AGAIN_MS, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    stopListening();
  }
}
