import { Task } from "@ccsp/protos/ccsp/task/v1/task.js";
import { Command } from "commander";
import { inAllowedFolders } from "../ask-folder.js";
import { connected } from "../connection.js";
import { type Io, say, sayJson } from "../io.js";
import { PROMPT_ARGUMENT } from "../prompt.js";
import { taskInput } from "../task-input.js";
import { type TaskOptions, withTask } from "../task-options.js";

export function submitCommand(io: Io): Command {
  const command = new Command("submit")
    .description("submit a task and print its id without waiting for it")
    .argument("[prompt]", PROMPT_ARGUMENT);
  return withTask(command, { start: true, submits: true })
    .addHelpText(
      "after",
      `
Examples:
  id=$(ccsp submit "Write a haiku" --priority low --label team=docs)
  ccsp watch "$id"
  ccsp submit --prompt-file review.md --working-folder ~/projects/web
  ccsp submit "..." --request-id build-4711
    (again with the same id: the same task, not a second one)`,
    )
    .action(async (prompt: string | undefined, options: TaskOptions) => {
      const input = await inAllowedFolders(io, options, await taskInput(io, prompt, options));
      const task = await connected(io, options, (client) => client.submit(input, { requestId: options.requestId }));
      if (options.json) sayJson(io, Task.toJSON(task));
      else say(io, task.id);
    });
}
