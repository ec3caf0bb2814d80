import { Command } from "commander";
import { connected } from "../connection/connection.js";
import { BULK_MS } from "../connection/operator.js";
import { messageJson } from "../output/json-forms.js";
import type { Io } from "../process/io.js";
import { byFilter, type ChangeOptions, withTasks } from "../tasks/by-filter.js";
import { ownTaskId } from "../tasks/own-task.js";
import { showChanged } from "../tasks/show-task.js";

export function retryCommand(io: Io): Command {
  const command = new Command("retry").description(
    "put a failed or expired task of yours back or, as an operator, every task that the options name",
  );
  return withTasks(command)
    .addHelpText(
      "after",
      `
It keeps its history, class and age, and has as many attempts as a new one.

Examples:
  ccsp retry TASK
  ccsp retry --error SESSION_TIMEOUT --since 1d               (counts them)
  ccsp retry --error SESSION_TIMEOUT --since 1d --yes`,
    )
    .action(async (taskId: string | undefined, options: ChangeOptions) => {
      const { reason } = options;
      const done = await byFilter(io, taskId, options, async (gateway, filter, dryRun) => {
        const answer = await gateway.retryTasks({ filter, reason, dryRun }, { timeoutMs: BULK_MS });
        const json = () => messageJson("ccsp.queue.v1.RetryTasksResponse", answer);
        return { matched: answer.matched, changed: answer.retried, json, verb: "put back" };
      });
      if (done || taskId === undefined) return;
      const task = await connected(io, options, async (client) =>
        client.retry(await ownTaskId(client, taskId), reason),
      );
      await showChanged(io, options, task);
    });
}
