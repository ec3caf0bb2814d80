import { ExplainTaskResponse } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import { Command } from "commander";
import { type ConnectionOptions, connected, withConnection } from "../connection.js";
import { explanationLines } from "../describe-start.js";
import { type Io, say, sayJson } from "../io.js";

export function explainCommand(io: Io): Command {
  const command = new Command("explain")
    .description("show why a task has not started and when it may")
    .argument("<task>", "task id");
  return withConnection(command)
    .addHelpText(
      "after",
      `
Its blockers are listed in the order in which they have to end.

Examples:
  ccsp explain TASK
  ccsp explain TASK --json | jq -r '.blockers[].kind'`,
    )
    .action(async (taskId: string, options: ConnectionOptions) => {
      const explanation = await connected(io, options, (client) => client.explain(taskId));
      if (options.json) sayJson(io, ExplainTaskResponse.toJSON(explanation));
      else for (const line of explanationLines(explanation)) say(io, line);
    });
}
