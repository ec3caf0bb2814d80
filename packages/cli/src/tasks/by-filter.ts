import { PRIORITIES } from "@ccsp/client/plain";
import { TaskFilter } from "@ccsp/protos/ccsp/task/v1/filter.js";
import { ErrorCategory, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import type { Command } from "commander";
import { type ConnectionOptions, withConnection } from "../connection/connection.js";
import { atGateway, type Operator } from "../connection/operator.js";
import { type FilterOptions, isFiltered, withFilter } from "../options/filter-options.js";
import { TASK_ARGUMENT } from "../options/task-id.js";
import { FORMATS, formatOf, isForPrograms } from "../output/format.js";
import { showOne } from "../output/show.js";
import { count } from "../output/words.js";
import { CliError, EXIT } from "../process/exit.js";
import { type Io, note } from "../process/io.js";

/** Options of a command that changes one task, or all tasks that a filter selects. */
export type ChangeOptions = ConnectionOptions &
  FilterOptions & { readonly agent?: string; readonly reason: string; readonly yes?: true };

export function withTasks(command: Command): Command {
  command
    .argument("[task]", TASK_ARGUMENT)
    .option("--reason <text>", "shown in the task's log", "")
    .option("--agent <id>", "only tasks of this agent");
  return withConnection(withFilter(command), FORMATS).option(
    "--yes",
    "change the tasks that the options name; without it they are only counted",
  );
}

interface Changed {
  readonly matched: bigint;
  readonly changed: bigint;
  readonly json: () => Promise<object>;
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
  change: (gateway: Operator, filter: TaskFilter, dryRun: boolean) => Promise<Changed>,
): Promise<boolean> {
  const filter = taskFilter(options);
  if (filter === undefined && taskId !== undefined) return false;
  if (filter === undefined || taskId !== undefined) {
    throw new CliError(EXIT.usage, "name either one task, or tasks by options such as --agent (see --help)");
  }
  if (formatOf(options) === "name") {
    throw new CliError(EXIT.usage, "-o name is for one task: tasks that options select are only counted");
  }
  const dryRun = options.yes !== true;
  const { matched, changed, json, verb } = await atGateway(io, options, (gateway) => change(gateway, filter, dryRun));
  const tasks = count(matched, "task");
  const done = dryRun ? `${tasks} ${matched === 1n ? "matches" : "match"}` : `${changed} of ${tasks} ${verb}`;
  await showOne(io, options, { json, lines: () => [done] });
  if (dryRun && !isForPrograms(options) && matched > 0n) note(io, "nothing was changed: add --yes to do it");
  return true;
}

/** Undefined when no option selects tasks. */
export function taskFilter(options: FilterOptions & { readonly agent?: string }): TaskFilter | undefined {
  const { agent, engine, priority, state, label, error, since, until } = options;
  if (agent === undefined && !isFiltered(options)) return undefined;
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
