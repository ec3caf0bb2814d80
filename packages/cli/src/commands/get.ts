import { Task } from "@ccsp/protos/ccsp/task/v1/task.js";
import { Command } from "commander";
import { type ConnectionOptions, connected, withConnection } from "../connection.js";
import { type Io, sayJson } from "../io.js";
import { sayTask } from "../say-task.js";

export function getCommand(io: Io): Command {
  const command = new Command("get").description("show a task and its result").argument("<task>", "task id");
  return withConnection(command)
    .addHelpText(
      "after",
      `
Examples:
  ccsp get TASK
  ccsp get TASK --json | jq -r .result.text`,
    )
    .action(async (taskId: string, options: ConnectionOptions) => {
      const task = await connected(io, options, (client) => client.get(taskId));
      if (options.json) sayJson(io, Task.toJSON(task));
      else await sayTask(io, task);
    });
}
