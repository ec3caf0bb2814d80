import { randomUUID } from "node:crypto";
import { Command } from "commander";
import { connected } from "../connection/connection.js";
import { listenForLeaving } from "../follow/leaving.js";
import { PROMPT_ARGUMENT } from "../input/prompt.js";
import { FORMATS } from "../output/format.js";
import { taskJson } from "../output/json-forms.js";
import { showOne } from "../output/show.js";
import { CliError } from "../process/exit.js";
import type { Io } from "../process/io.js";
import { inAllowedFolders } from "../tasks/ask-folder.js";
import { leftUnanswered } from "../tasks/left-unanswered.js";
import { taskInput } from "../tasks/task-input.js";
import { type TaskOptions, withTask } from "../tasks/task-options.js";

export function submitCommand(io: Io): Command {
  const command = new Command("submit")
    .description("submit a task and print its id without waiting for it")
    .argument("[prompt]", PROMPT_ARGUMENT);
  return withTask(command, { start: true, submits: true, formats: FORMATS })
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
      const requestId = options.requestId ?? randomUUID();
      const leaving = listenForLeaving(io, () => false);
      const { signal } = leaving;
      const task = await connected(io, options, (client) => client.submit(input, { requestId, signal }))
        .catch((error: unknown) => {
          throw signal.aborted ? new CliError(leaving.code, leftUnanswered(requestId)) : error;
        })
        .finally(() => leaving.close());
      await showOne(io, options, { json: () => taskJson(task), name: task.id, lines: () => [task.id] });
    });
}
