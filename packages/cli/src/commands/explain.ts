import { ExplainTaskResponse } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import { Command } from "commander";
import { type ConnectionOptions, connected, withConnection } from "../connection.js";
import { stateName } from "../describe.js";
import { blockerLines, startWords } from "../describe-start.js";
import { type Io, say, sayJson } from "../io.js";

export function explainCommand(io: Io): Command {
  const command = new Command("explain")
    .description("show why a task has not started and when it may")
    .argument("<task>", "task id");
  return withConnection(command)
    .addHelpText(
      "after",
      `
What blocks it is listed in the order in which it has to go.

Examples:
  ccsp explain TASK
  ccsp explain TASK --json | jq -r '.blockers[].kind'`,
    )
    .action(async (taskId: string, options: ConnectionOptions) => {
      const explanation = await connected(io, options, (client) => client.explain(taskId));
      if (options.json) sayJson(io, ExplainTaskResponse.toJSON(explanation));
      else for (const line of lines(explanation)) say(io, line);
    });
}

function lines({ state, aheadInClass, aheadOfAgent, blockers, ...times }: ExplainTaskResponse): string[] {
  const told = [`state       ${stateName(state)}`];
  if (aheadInClass === undefined) return [...told, "it does not wait"];
  told.push(`older       ${aheadInClass} waiting in its class, ${aheadOfAgent ?? 0n} of them your own`);
  told.push(...(blockers.length === 0 ? ["blocked by  nothing: it is next"] : blockerLines(blockers)));
  if (times.earliestStartTime) told.push(`not before  ${times.earliestStartTime.toISOString()}`);
  return [...told, `starts in   ${startWords(times.estimate)}`];
}
