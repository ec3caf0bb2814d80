import type { Priority } from "@ccsp/protos/ccsp/task/v1/task.js";
import { Command } from "commander";
import { type ConnectionOptions, withConnection } from "../connection/connection.js";
import { atGateway } from "../connection/operator.js";
import { CLASS_NAMES, className, priority } from "../options/priority.js";
import { TASK_ARGUMENT } from "../options/task-id.js";
import { FORMATS } from "../output/format.js";
import type { Io } from "../process/io.js";
import { anyTaskId } from "../tasks/queue-listing.js";
import { showChanged } from "../tasks/show-task.js";

export function priorityCommand(io: Io): Command {
  const command = new Command("priority")
    .description("change the class of a task that waits; it keeps its age")
    .argument("<task>", `${TASK_ARGUMENT}; of any agent`)
    .argument("<class>", CLASS_NAMES.join(", "), priority);
  return withConnection(command, FORMATS)
    .addHelpText("after", "\nA task that runs or has ended stays as it is.\n\nExample:\n  ccsp priority TASK urgent")
    .action(async (taskId: string, asked: Priority, options: ConnectionOptions) => {
      const { task } = await atGateway(io, options, async (gateway) =>
        gateway.setPriority({ taskId: await anyTaskId(gateway, taskId), priority: asked }),
      );
      if (task) await showChanged(io, options, task, className(task.spec?.priority ?? asked));
    });
}
