import type { Priority } from "@ccsp/protos/ccsp/task/v1/task.js";
import { Command } from "commander";
import { type ConnectionOptions, withConnection } from "../connection/connection.js";
import { atGateway, BULK_MS } from "../connection/operator.js";
import { CLASS_NAMES, className, priority } from "../options/priority.js";
import { isForPrograms, NAMELESS } from "../output/format.js";
import { messageJson } from "../output/json-forms.js";
import { showOne } from "../output/show.js";
import { count } from "../output/words.js";
import { type Io, note } from "../process/io.js";

interface ClearOptions extends ConnectionOptions {
  readonly agent?: string;
  readonly confirm?: string;
}

export function clearCommand(io: Io): Command {
  const command = new Command("clear")
    .description(
      "cancel every waiting task of a class: the first call gives a count and a token, the second call needs the token",
    )
    .argument("<class>", CLASS_NAMES.join(", "), priority)
    .option("--agent <id>", "only tasks of this agent")
    .option("--confirm <token>", "the token that the count gave, within 5 minutes");
  return withConnection(command, NAMELESS)
    .addHelpText(
      "after",
      `
Only tasks that were accepted before the count are cancelled. Running tasks
continue.

Examples:
  ccsp clear low
  ccsp clear low --confirm TOKEN`,
    )
    .action(async (cleared: Priority, { agent, confirm, ...options }: ClearOptions) => {
      const request = {
        priority: cleared,
        agentId: agent ?? "",
        confirmationToken: confirm ?? "",
      };
      const answer = await atGateway(io, options, (gateway) => gateway.clearQueue(request, { timeoutMs: BULK_MS }));
      const { tasks, agents, confirmationToken } = answer;
      const name = className(cleared);
      const counted = count(tasks, `${name} task`);
      const what = tasks === 1n ? "waits" : "wait";
      await showOne(io, options, {
        json: () => messageJson("ccsp.queue.v1.ClearQueueResponse", answer),
        lines: () => [
          `${counted} ${confirm === undefined ? what : "cancelled"}`,
          ...agents.map((each) => `  agent ${each.agentId}: ${each.tasks}`),
        ],
      });
      const same = agent === undefined ? "" : ` --agent ${agent}`;
      if (confirmationToken && !isForPrograms(options))
        note(io, `nothing was changed; to cancel them: ccsp clear ${name}${same} --confirm ${confirmationToken}`);
    });
}
