import { Command } from "commander";
import { connected } from "../connection/connection.js";
import { BULK_MS } from "../connection/operator.js";
import { messageJson } from "../output/json-forms.js";
import type { Io } from "../process/io.js";
import { byFilter, type ChangeOptions, withTasks } from "../tasks/by-filter.js";
import { ownTaskId } from "../tasks/own-task.js";
import { showChanged } from "../tasks/show-task.js";

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
      const done = await byFilter(io, taskId, options, async (gateway, filter, dryRun) => {
        const answer = await gateway.cancelTasks({ filter, reason, dryRun }, { timeoutMs: BULK_MS });
        const json = () => messageJson("ccsp.queue.v1.CancelTasksResponse", answer);
        return { matched: answer.matched, changed: answer.cancelled, json, verb: "cancelled" };
      });
      if (done || taskId === undefined) return;
      const task = await connected(io, options, async (client) =>
        client.cancel(await ownTaskId(client, taskId), reason),
      );
      await showChanged(io, options, task);
    });
}
