import { Task } from "@ccsp/protos/ccsp/task/v1/task.js";
import { Command } from "commander";
import { type ConnectionOptions, connected, withConnection } from "../connection.js";
import { stateName } from "../describe.js";
import { type Io, say, sayJson } from "../io.js";

type CancelOptions = ConnectionOptions & { readonly reason: string };

export function cancelCommand(io: Io): Command {
  const command = new Command("cancel")
    .description("cancel a task; one that has ended stays as it is")
    .argument("<task>", "task id")
    .option("--reason <text>", "shown in the task's log", "");
  return withConnection(command)
    .addHelpText(
      "after",
      `
A running task shows CANCELLING until its processes are gone.

Example:
  ccsp cancel TASK --reason "wrong branch"`,
    )
    .action(async (taskId: string, { reason, ...options }: CancelOptions) => {
      const task = await connected(io, options, (client) => client.cancel(taskId, reason));
      if (options.json) sayJson(io, Task.toJSON(task));
      else say(io, `${task.id} ${stateName(task.state)}`);
    });
}
