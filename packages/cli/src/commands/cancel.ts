import { CancelTasksResponse } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { Task } from "@ccsp/protos/ccsp/task/v1/task.js";
import { Command } from "commander";
import { byFilter, type ChangeOptions, withTasks } from "../by-filter.js";
import { connected } from "../connection.js";
import { stateName } from "../describe.js";
import { type Io, say, sayJson } from "../io.js";
import { BULK_MS } from "../operator.js";

export function cancelCommand(io: Io): Command {
  const command = new Command("cancel").description(
    "cancel a task of yours or, as an operator, every task that the options name; ended tasks stay as they are",
  );
  return withTasks(command)
    .addHelpText(
      "after",
      `
A running task shows CANCELLING until its processes are gone.

Examples:
  ccsp cancel TASK --reason "wrong branch"
  ccsp cancel --agent nightly --state queued                       (counts them)
  ccsp cancel --agent nightly --state queued --yes --reason "flood"`,
    )
    .action(async (taskId: string | undefined, options: ChangeOptions) => {
      const { reason } = options;
      const done = await byFilter(io, taskId, options, async (queue, filter, dryRun) => {
        const answer = await queue.cancelTasks({ filter, reason, dryRun }, { timeoutMs: BULK_MS });
        return { ...answer, changed: answer.cancelled, json: CancelTasksResponse.toJSON(answer), verb: "cancelled" };
      });
      if (done || taskId === undefined) return;
      const task = await connected(io, options, (client) => client.cancel(taskId, reason));
      if (options.json) sayJson(io, Task.toJSON(task));
      else say(io, `${task.id} ${stateName(task.state)}`);
    });
}
