import { Command } from "commander";
import { type ConnectionOptions, connected, withConnection } from "../connection/connection.js";
import { explanationLines } from "../describe/start.js";
import { TASK_ARGUMENT } from "../options/task-id.js";
import { NAMELESS } from "../output/format.js";
import { messageJson } from "../output/json-forms.js";
import { showOne } from "../output/show.js";
import type { Io } from "../process/io.js";
import { ownTaskId } from "../tasks/own-task.js";

export function explainCommand(io: Io): Command {
  const command = new Command("explain")
    .description("show why a task has not started and when it may")
    .argument("<task>", TASK_ARGUMENT);
  return withConnection(command, NAMELESS)
    .addHelpText(
      "after",
      `
Its blockers are listed in the order in which they have to end.

Examples:
  ccsp explain TASK
  ccsp explain TASK -o json | jq -r '.blockers[].kind'`,
    )
    .action(async (taskId: string, options: ConnectionOptions) => {
      const explanation = await connected(io, options, async (client) =>
        client.explain(await ownTaskId(client, taskId)),
      );
      const json = () => messageJson("ccsp.gateway.v1.ExplainTaskResponse", explanation);
      await showOne(io, options, { json, lines: () => explanationLines(explanation) });
    });
}
