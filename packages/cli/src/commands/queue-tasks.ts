import { ExplainTaskResponse, type ListRequest } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { TaskFilter } from "@ccsp/protos/ccsp/task/v1/filter.js";
import { Task, TaskEvent } from "@ccsp/protos/ccsp/task/v1/task.js";
import { Command } from "commander";
import { taskFilter } from "../by-filter.js";
import { stateName, taskLine } from "../describe.js";
import { entryLine } from "../describe-entry.js";
import { explanationLines } from "../describe-start.js";
import { type FilterOptions, withFilter } from "../filter-options.js";
import { readOn, untilInterrupted } from "../following.js";
import { type Io, say, sayJson } from "../io.js";
import { atQueue, type QueueClient, type QueueOptions, withQueue } from "../operator.js";
import { wholeNumber } from "../option-values.js";
import { sayTask } from "../say-task.js";

// A caller that names no agent is an operator for the queue, and finds the tasks of every agent.
const agentId = "";

type Wanted = FilterOptions & { readonly agent?: string };
type ListOptions = QueueOptions & Wanted & { readonly limit: number };

/** The operator's versions of the commands for an agent's own tasks. They find the tasks of all agents. */
export function queueTaskCommands(io: Io): Command[] {
  return [listCommand(io), getCommand(io), explainCommand(io), logCommand(io), ...changeCommands(io)];
}

function listCommand(io: Io): Command {
  const command = new Command("list")
    .description("list tasks of every agent, newest first")
    .option("--agent <id>", "only tasks of this agent")
    .option("--limit <number>", "most tasks to show", wholeNumber(1), 20);
  return withQueue(withFilter(command))
    .addHelpText(
      "after",
      "\nExamples:\n  ccsp queue list --state parked\n  ccsp queue list --agent nightly --since 2h --json",
    )
    .action(async ({ limit, ...options }: ListOptions) => {
      await atQueue(io, options, async (queue) => {
        let shown = 0;
        for await (const task of tasksOf(queue, options, Math.min(limit, 500))) {
          if (shown >= limit) break;
          shown += 1;
          if (options.json) sayJson(io, Task.toJSON(task));
          else say(io, `${taskLine(task)}  agent ${task.agentId}`);
        }
        if (shown === 0 && !options.json) say(io, "no tasks");
      });
    });
}

async function* tasksOf(queue: QueueClient, wanted: Wanted, pageSize: number): AsyncGenerator<Task, void> {
  const { agentId: owner, states, ...rest } = taskFilter(wanted) ?? TaskFilter.fromPartial({});
  const filter = { ...rest, agentId: "", states: [] };
  let request: ListRequest = { agentId: owner, states, filter, pageSize, pageToken: "" };
  do {
    const { tasks, nextPageToken } = await queue.list(request);
    yield* tasks;
    request = { ...request, pageToken: nextPageToken };
  } while (request.pageToken !== "");
}

function getCommand(io: Io): Command {
  const command = new Command("get").description("show a task of any agent and its result");
  return withQueue(command.argument("<task>", "task id"))
    .addHelpText("after", "\nExample:\n  ccsp queue get TASK")
    .action(async (taskId: string, options: QueueOptions) => {
      const { task } = await atQueue(io, options, (queue) => queue.get({ taskId, agentId }));
      if (!task) return;
      if (options.json) sayJson(io, Task.toJSON(task));
      else await sayTask(io, task);
    });
}

function explainCommand(io: Io): Command {
  const command = new Command("explain").description("show why a task of any agent has not started and when it may");
  return withQueue(command.argument("<task>", "task id"))
    .addHelpText("after", "\nExample:\n  ccsp queue explain TASK")
    .action(async (taskId: string, options: QueueOptions) => {
      const explanation = await atQueue(io, options, (queue) => queue.explainTask({ taskId, agentId }));
      if (options.json) sayJson(io, ExplainTaskResponse.toJSON(explanation));
      else for (const line of explanationLines(explanation, "of its agent")) say(io, line);
    });
}

function logCommand(io: Io): Command {
  const command = new Command("log").description("show what happened to a task of any agent, and follow it to its end");
  return withQueue(command.argument("<task>", "task id"))
    .addHelpText("after", "\nCtrl-C leaves it running.\n\nExample:\n  ccsp queue log TASK")
    .action(async (taskId: string, options: QueueOptions) => {
      let last = 0;
      await atQueue(io, options, (queue) =>
        untilInterrupted(io, async (signal) => {
          const open = () => queue.watch({ taskId, agentId, afterSequence: last }, { signal });
          for await (const { event } of readOn(io, open, signal)) {
            if (!event) continue;
            last = event.sequence;
            say(io, options.json ? JSON.stringify(TaskEvent.toJSON(event)) : entryLine(event));
          }
        }),
      );
    });
}

type Change = (queue: QueueClient, taskId: string, reason: string) => Promise<{ readonly task?: Task | undefined }>;

/** Commands that change one task. `ccsp cancel` and `ccsp retry` also change all tasks that their options select. */
function changeCommands(io: Io): Command[] {
  const changing = (name: string, what: string, change: Change): Command =>
    withQueue(new Command(name).description(what).argument("<task>", "task id"))
      .option("--reason <text>", "shown in the task's log", "")
      .addHelpText("after", `\nExample:\n  ccsp queue ${name} TASK --reason "by ada"`)
      .action(async (taskId: string, { reason, ...options }: QueueOptions & { readonly reason: string }) => {
        const { task } = await atQueue(io, options, (queue) => change(queue, taskId, reason));
        if (!task) return;
        if (options.json) sayJson(io, Task.toJSON(task));
        else say(io, `${task.id} ${stateName(task.state)}`);
      });
  return [
    changing("cancel", "cancel a task of any agent; an ended one stays as it is", (queue, taskId, reason) =>
      queue.cancel({ taskId, agentId, reason }),
    ),
    changing("retry", "put a failed or expired task of any agent back", (queue, taskId, reason) =>
      queue.retryTask({ taskId, agentId, reason }),
    ),
  ];
}
