import type { TaskFilter } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { ConnectionOptions } from "./connection.js";
import { CliError, EXIT } from "./exit.js";
import { type FilterOptions, filterOf } from "./filter-options.js";
import { type Io, note, say, sayJson } from "./io.js";
import { atQueue, type QueueClient, type QueueOptions } from "./operator.js";

/** Of a command that changes one task, or all that a filter names. */
export type ChangeOptions = ConnectionOptions &
  QueueOptions &
  FilterOptions & { readonly reason: string; readonly yes?: true };

interface Changed {
  readonly matched: bigint;
  readonly changed: bigint;
  readonly json: unknown;
  readonly verb: string;
}

/** Changes the tasks that the options name, or counts them without --yes. False: they name none, and one task is meant. */
export async function byFilter(
  io: Io,
  taskId: string | undefined,
  options: ChangeOptions,
  change: (queue: QueueClient, filter: TaskFilter, dryRun: boolean) => Promise<Changed>,
): Promise<boolean> {
  const filter = filterOf(options);
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
