import { type Priority, Task } from "@ccsp/protos/ccsp/task/v1/task.js";
import { Command } from "commander";
import { stateName } from "../describe.js";
import { type Io, say, sayJson } from "../io.js";
import { atQueue, type QueueOptions, withQueue } from "../operator.js";
import { CLASS_NAMES, className, priority } from "../priority.js";

export function priorityCommand(io: Io): Command {
  const command = new Command("priority")
    .description("change the class of a task that waits; it keeps its age")
    .argument("<task>", "task id, of any agent")
    .argument("<class>", CLASS_NAMES.join(", "), priority);
  return withQueue(command)
    .addHelpText("after", "\nA task that runs or has ended stays as it is.\n\nExample:\n  ccsp priority TASK urgent")
    .action(async (taskId: string, asked: Priority, options: QueueOptions) => {
      const { task } = await atQueue(io, options, (queue) =>
        queue.setPriority({ taskId, agentId: "", priority: asked }),
      );
      if (!task) return;
      if (options.json) sayJson(io, Task.toJSON(task));
      else say(io, `${task.id} ${stateName(task.state)} ${className(task.spec?.priority ?? asked)}`);
    });
}
