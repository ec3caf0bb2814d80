import { PRIORITIES } from "@ccsp/client";
import { TaskFilter } from "@ccsp/protos/ccsp/task/v1/filter.js";
import { ErrorCategory, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import type { Command } from "commander";
import { type ConnectionOptions, withConnection } from "./connection.js";
import { CliError, EXIT } from "./exit.js";
import { type FilterOptions, withFilter } from "./filter-options.js";
import { type Io, note, say, sayJson } from "./io.js";
import { atQueue, type QueueClient, type QueueOptions } from "./operator.js";

/** Options of a command that changes one task, or all tasks that a filter selects. */
export type ChangeOptions = ConnectionOptions &
  QueueOptions &
  FilterOptions & { readonly agent?: string; readonly reason: string; readonly yes?: true };

export function withTasks(command: Command): Command {
  command
    .argument("[task]", "task id")
    .option("--reason <text>", "shown in the task's log", "")
    .option("--agent <id>", "only tasks of this agent");
  return withConnection(withFilter(command))
    .option("--yes", "change the tasks that the options name; without it they are only counted")
    .option("--queue <target>", "with options that name tasks: gRPC target of the queue (CCSP_QUEUE_TARGET)");
}

interface Changed {
  readonly matched: bigint;
  readonly changed: bigint;
  readonly json: unknown;
  readonly verb: string;
}

/**
 * Changes the tasks that the options select, or only counts them without --yes. Returns false when the options select
 * none: then the command is about one task.
 */
export async function byFilter(
  io: Io,
  taskId: string | undefined,
  options: ChangeOptions,
  change: (queue: QueueClient, filter: TaskFilter, dryRun: boolean) => Promise<Changed>,
): Promise<boolean> {
  const filter = taskFilter(options);
  if (filter === undefined && taskId !== undefined) return false;
  if (filter === undefined || taskId !== undefined) {
    throw new CliError(EXIT.usage, "name either one task, or tasks by options such as --agent (see --help)");
  }
  const dryRun = options.yes !== true;
  const { matched, changed, json, verb } = await atQueue(io, options, (queue) => change(queue, filter, dryRun));
  if (options.json) sayJson(io, json);
  else say(io, dryRun ? `${matched} tasks match` : `${changed} of ${matched} tasks ${verb}`);
  if (dryRun && !options.json && matched > 0n) note(io, "nothing was changed: add --yes to do it");
  return true;
}

/** Undefined when no option selects tasks. */
export function taskFilter(options: FilterOptions & { readonly agent?: string }): TaskFilter | undefined {
  const { agent, engine, priority, state, label, error, since, until } = options;
  const named = [agent, engine, priority, state, label, error, since, until].some((each) => each !== undefined);
  if (!named) return undefined;
  return TaskFilter.fromPartial({
    agentId: agent ?? "",
    engine: engine ?? "",
    labels: { ...label },
    ...(since && { createdAfter: since }),
    ...(until && { createdBefore: until }),
    states: (state ?? []).map((name) => TaskState[name]),
    priorities: (priority ?? []).map((name) => PRIORITIES[name]),
    errorCategories: (error ?? []).map((name) => ErrorCategory[name]),
  });
}
