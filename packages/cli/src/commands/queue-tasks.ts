import type { Task } from "@ccsp/protos/ccsp/task/v1/task.js";
import { Command } from "commander";
import { entryLine } from "../describe-entry.js";
import { explanationLines } from "../describe-start.js";
import { isFiltered, withFilter } from "../filter-options.js";
import { readOn, untilInterrupted } from "../following.js";
import { type Io, say, sayJson } from "../io.js";
import { messageJson, taskJson } from "../json-forms.js";
import { type LimitOptions, limitOf, pageSizeFor, withLimit } from "../limit-options.js";
import { atQueue, type QueueClient, type QueueOptions, withQueue } from "../operator.js";
import { FORMATS, NAMELESS } from "../output/format.js";
import { showList, showOne } from "../output/show.js";
import { anyTaskId, tasksOf, type Wanted } from "../queue-listing.js";
import { showChanged, showTask } from "../show-task.js";
import { QUEUE_TASK_COLUMNS } from "../tables/tasks.js";
import { TASK_ARGUMENT } from "../task-id.js";

// A caller that names no agent is an operator for the queue, and finds the tasks of every agent.
const agentId = "";

type ListOptions = QueueOptions & Wanted & LimitOptions;

/** The operator's versions of the commands for an agent's own tasks. They find the tasks of all agents. */
export function queueTaskCommands(io: Io): Command[] {
  return [listCommand(io), getCommand(io), explainCommand(io), logCommand(io), ...changeCommands(io)];
}

function listCommand(io: Io): Command {
  const command = new Command("list")
    .description("list tasks of every agent, newest first")
    .option("--agent <id>", "only tasks of this agent");
  return withQueue(withFilter(withLimit(command)), FORMATS)
    .addHelpText(
      "after",
      "\nExamples:\n  ccsp queue list --state parked\n  ccsp queue list --agent nightly --since 2h --all -o json",
    )
    .action(async (options: ListOptions) => {
      const limit = limitOf(options);
      const filtered = options.agent !== undefined || isFiltered(options);
      await atQueue(io, options, (queue) =>
        showList(io, options, {
          rows: tasksOf(queue, options, pageSizeFor(limit)),
          json: taskJson,
          name: ({ id }) => id,
          columns: QUEUE_TASK_COLUMNS,
          limit,
          empty: filtered ? "no tasks match these options" : 'no agent has tasks yet: ccsp run "Say hello"',
        }),
      );
    });
}

function getCommand(io: Io): Command {
  const command = new Command("get").description("show a task of any agent and its result");
  return withQueue(command.argument("<task>", TASK_ARGUMENT), FORMATS)
    .addHelpText("after", "\nExample:\n  ccsp queue get TASK")
    .action(async (taskId: string, options: QueueOptions) => {
      const { task } = await atQueue(io, options, async (queue) =>
        queue.get({ taskId: await anyTaskId(queue, taskId), agentId }),
      );
      if (task) await showTask(io, options, task);
    });
}

function explainCommand(io: Io): Command {
  const command = new Command("explain").description("show why a task of any agent has not started and when it may");
  return withQueue(command.argument("<task>", TASK_ARGUMENT), NAMELESS)
    .addHelpText("after", "\nExample:\n  ccsp queue explain TASK")
    .action(async (taskId: string, options: QueueOptions) => {
      const explanation = await atQueue(io, options, async (queue) =>
        queue.explainTask({ taskId: await anyTaskId(queue, taskId), agentId }),
      );
      const json = () => messageJson("ccsp.gateway.v1.ExplainTaskResponse", explanation);
      await showOne(io, options, { json, lines: () => explanationLines(explanation, "of its agent") });
    });
}

function logCommand(io: Io): Command {
  const command = new Command("log").description("show what happened to a task of any agent, and follow it to its end");
  return withQueue(command.argument("<task>", TASK_ARGUMENT))
    .addHelpText("after", "\nCtrl-C leaves it running.\n\nExample:\n  ccsp queue log TASK")
    .action(async (named: string, options: QueueOptions) => {
      let last = 0;
      await atQueue(io, options, (queue) =>
        untilInterrupted(io, async (signal) => {
          const taskId = await anyTaskId(queue, named);
          const open = () => queue.watch({ taskId, agentId, afterSequence: last }, { signal });
          for await (const { event } of readOn(io, open, signal)) {
            if (!event) continue;
            last = event.sequence;
            if (options.json) sayJson(io, await messageJson("ccsp.task.v1.TaskEvent", event));
            else say(io, entryLine(event));
          }
        }),
      );
    });
}

type Change = (queue: QueueClient, taskId: string, reason: string) => Promise<{ readonly task?: Task | undefined }>;

/** Commands that change one task. `ccsp cancel` and `ccsp retry` also change all tasks that their options select. */
function changeCommands(io: Io): Command[] {
  const changing = (name: string, what: string, change: Change): Command =>
    withQueue(new Command(name).description(what).argument("<task>", TASK_ARGUMENT), FORMATS)
      .option("--reason <text>", "shown in the task's log", "")
      .addHelpText("after", `\nExample:\n  ccsp queue ${name} TASK --reason "by ada"`)
      .action(async (taskId: string, { reason, ...options }: QueueOptions & { readonly reason: string }) => {
        const { task } = await atQueue(io, options, async (queue) =>
          change(queue, await anyTaskId(queue, taskId), reason),
        );
        if (task) await showChanged(io, options, task);
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
