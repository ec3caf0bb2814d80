import { GetStatusResponse } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { Command } from "commander";
import { queueLines } from "../describe-queue.js";
import { type Io, say, sayJson } from "../io.js";
import { atQueue, type QueueOptions, withQueue } from "../operator.js";

export function queueCommand(io: Io): Command {
  const status = new Command("status").description(
    "show what waits and runs by engine, class and agent, what is paused, and the executors",
  );
  withQueue(status)
    .addHelpText("after", "\nExample:\n  ccsp queue status --json | jq .gates")
    .action(async (options: QueueOptions) => {
      const answer = await atQueue(io, options, (queue) => queue.getStatus({}));
      if (options.json) sayJson(io, GetStatusResponse.toJSON(answer));
      else for (const line of queueLines(answer)) say(io, line);
    });
  return new Command("queue").description("look at the queue").addCommand(status);
}
