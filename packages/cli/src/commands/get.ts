import { Command } from "commander";
import { type ConnectionOptions, connected, withConnection } from "../connection/connection.js";
import { TASK_ARGUMENT } from "../options/task-id.js";
import { FORMATS } from "../output/format.js";
import type { Io } from "../process/io.js";
import { ownTaskId } from "../tasks/own-task.js";
import { showTask } from "../tasks/show-task.js";

export function getCommand(io: Io): Command {
  const command = new Command("get").description("show a task and its result").argument("<task>", TASK_ARGUMENT);
  return withConnection(command, FORMATS)
    .addHelpText(
      "after",
      `
Examples:
  ccsp get TASK
  ccsp get TASK -o json | jq -r .result.text`,
    )
    .action(async (taskId: string, options: ConnectionOptions) => {
      const task = await connected(io, options, async (client) => client.get(await ownTaskId(client, taskId)));
      await showTask(io, options, task);
    });
}
