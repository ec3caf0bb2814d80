import type { GetStatusResponse } from "@ccsp/protos/ccsp/queue/v1/status.js";
import { Command } from "commander";
import { type ConnectionOptions, withConnection } from "../connection/connection.js";
import { atGateway } from "../connection/operator.js";
import { sayQueue } from "../describe/queue.js";
import { untilInterrupted } from "../follow/following.js";
import { NAMELESS } from "../output/format.js";
import { messageJson } from "../output/json-forms.js";
import { sayAgain, showOne } from "../output/show.js";
import type { Io } from "../process/io.js";
import { queueTaskCommands } from "./queue-tasks.js";

export function queueCommand(io: Io): Command {
  const command = new Command("queue").description("show the queue, and show and change tasks of every agent");
  for (const sub of [statusCommand(io), ...queueTaskCommands(io)]) command.addCommand(sub);
  return command;
}

type StatusOptions = ConnectionOptions & { readonly watch?: true };

function statusCommand(io: Io): Command {
  const status = new Command("status")
    .description("show what waits and runs by engine, class and agent, what is paused, and the executors")
    .option("--watch", "show it again whenever it changes, at most once a second, until Ctrl-C");
  return withConnection(status, NAMELESS)
    .addHelpText(
      "after",
      `
Examples:
  ccsp queue status --watch
  ccsp queue status -o json | jq .gates`,
    )
    .action(async ({ watch, ...options }: StatusOptions) => {
      const show = (answer: GetStatusResponse) =>
        showOne(io, options, {
          json: () => messageJson("ccsp.queue.v1.GetStatusResponse", answer),
          write: () => sayQueue(io, options, answer),
        });
      await atGateway(io, options, async (gateway) => {
        if (!watch) return show(await gateway.getStatus({}));
        await untilInterrupted(io, async (signal) => {
          const { readOn } = await import("../follow/read-on.js"); // loads gRPC
          for await (const { status } of readOn(io, () => gateway.watchQueue({}, { signal }), signal)) {
            if (!status) continue;
            sayAgain(io, options);
            await show(status);
          }
        });
      });
    });
}
