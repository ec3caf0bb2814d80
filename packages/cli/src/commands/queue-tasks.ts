import type { Task } from "@ccsp/protos/ccsp/task/v1/task.js";
import { Command } from "commander";
import { type ConnectionOptions, withConnection } from "../connection/connection.js";
import { atGateway, type Operator } from "../connection/operator.js";
import { entryLine } from "../describe/entry.js";
import { explanationLines } from "../describe/start.js";
import { untilInterrupted } from "../follow/following.js";
import { isFiltered, withFilter } from "../options/filter-options.js";
import { type LimitOptions, limitOf, pageSizeFor, withLimit } from "../options/limit-options.js";
import { TASK_ARGUMENT } from "../options/task-id.js";
import { FORMATS, NAMELESS } from "../output/format.js";
import { messageJson, taskJson } from "../output/json-forms.js";
import { showList, showOne } from "../output/show.js";
import { type Io, say, sayJson } from "../process/io.js";
import { QUEUE_TASK_COLUMNS } from "../tables/tasks.js";
import { anyTaskId, tasksOf, type Wanted } from "../tasks/queue-listing.js";
import { showChanged, showTask } from "../tasks/show-task.js";

type ListOptions = ConnectionOptions & Wanted & LimitOptions;

/** The operator's versions of the commands for an agent's own tasks. They find the tasks of all agents. */
export function queueTaskCommands(io: Io): Command[] {
  return [listCommand(io), getCommand(io), explainCommand(io), logCommand(io), ...changeCommands(io)];
}

function listCommand(io: Io): Command {
  const command = new Command("list")
    .description("list tasks of every agent, newest first")
    .option("--agent <id>", "only tasks of this agent");
  return withConnection(withFilter(withLimit(command)), FORMATS)
    .addHelpText(
      "after",
      "\nExamples:\n  ccsp queue list --state parked\n  ccsp queue list --agent nightly --since 2h --all -o json",
    )
    .action(async (options: ListOptions) => {
      const limit = limitOf(options);
      const filtered = options.agent !== undefined || isFiltered(options);
      await atGateway(io, options, (gateway) =>
        showList(io, options, {
          rows: tasksOf(gateway, options, { pageSize: pageSizeFor(limit), promptSnippets: true }),
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
  return withConnection(command.argument("<task>", TASK_ARGUMENT), FORMATS)
    .addHelpText("after", "\nExample:\n  ccsp queue get TASK")
    .action(async (taskId: string, options: ConnectionOptions) => {
      const { task } = await atGateway(io, options, async (gateway) =>
        gateway.getTask({ taskId: await anyTaskId(gateway, taskId) }),
      );
      if (task) await showTask(io, options, task);
    });
}

function explainCommand(io: Io): Command {
  const command = new Command("explain").description("show why a task of any agent has not started and when it may");
  return withConnection(command.argument("<task>", TASK_ARGUMENT), NAMELESS)
    .addHelpText("after", "\nExample:\n  ccsp queue explain TASK")
    .action(async (taskId: string, options: ConnectionOptions) => {
      const explanation = await atGateway(io, options, async (gateway) =>
        gateway.explainTask({ taskId: await anyTaskId(gateway, taskId) }),
      );
      const json = () => messageJson("ccsp.gateway.v1.ExplainTaskResponse", explanation);
      await showOne(io, options, { json, lines: () => explanationLines(explanation, "of its agent") });
    });
}

function logCommand(io: Io): Command {
  const command = new Command("log").description("show what happened to a task of any agent, and follow it to its end");
  return withConnection(command.argument("<task>", TASK_ARGUMENT))
    .addHelpText("after", "\nCtrl-C leaves it running.\n\nExample:\n  ccsp queue log TASK")
    .action(async (named: string, options: ConnectionOptions) => {
      let last = 0;
      await atGateway(io, options, (gateway) =>
        untilInterrupted(io, async (signal) => {
          const taskId = await anyTaskId(gateway, named);
          const open = () => gateway.watchTask({ taskId, afterSequence: last }, { signal });
          const { readOn } = await import("../follow/read-on.js"); // loads gRPC
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

type Change = (gateway: Operator, taskId: string, reason: string) => Promise<{ readonly task?: Task | undefined }>;

/** Commands that change one task. `ccsp cancel` and `ccsp retry` also change all tasks that their options select. */
function changeCommands(io: Io): Command[] {
  const changing = (name: string, what: string, change: Change): Command =>
    withConnection(new Command(name).description(what).argument("<task>", TASK_ARGUMENT), FORMATS)
      .option("--reason <text>", "shown in the task's log", "")
      .addHelpText("after", `\nExample:\n  ccsp queue ${name} TASK --reason "by ada"`)
      .action(async (taskId: string, { reason, ...options }: ConnectionOptions & { readonly reason: string }) => {
        const { task } = await atGateway(io, options, async (gateway) =>
          change(gateway, await anyTaskId(gateway, taskId), reason),
        );
        if (task) await showChanged(io, options, task);
      });
  return [
    changing("cancel", "cancel a task of any agent; an ended one stays as it is", (gateway, taskId, reason) =>
      gateway.cancelTask({ taskId, reason }),
    ),
    changing("retry", "put a failed or expired task of any agent back", (gateway, taskId, reason) =>
      gateway.retryTask({ taskId, reason }),
    ),
  ];
}
