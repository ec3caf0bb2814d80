import { RetryTasksResponse } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { Task } from "@ccsp/protos/ccsp/task/v1/task.js";
import { Command } from "commander";
import { byFilter, type ChangeOptions, withTasks } from "../by-filter.js";
import { connected } from "../connection.js";
import { stateName } from "../describe.js";
import { type Io, say, sayJson } from "../io.js";
import { BULK_MS } from "../operator.js";

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
      const done = await byFilter(io, taskId, options, async (queue, filter, dryRun) => {
        const answer = await queue.retryTasks({ filter, reason, dryRun }, { timeoutMs: BULK_MS });
        return { ...answer, changed: answer.retried, json: RetryTasksResponse.toJSON(answer), verb: "put back" };
      });
      if (done || taskId === undefined) return;
      const task = await connected(io, options, (client) => client.retry(taskId, reason));
      if (options.json) sayJson(io, Task.toJSON(task));
      else say(io, `${task.id} ${stateName(task.state)}`);
    });
}
