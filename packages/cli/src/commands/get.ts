import { Command } from "commander";
import { type ConnectionOptions, connected, withConnection } from "../connection.js";
import type { Io } from "../io.js";
import { FORMATS } from "../output/format.js";
import { ownTaskId } from "../own-task.js";
import { showTask } from "../show-task.js";
import { TASK_ARGUMENT } from "../task-id.js";

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
