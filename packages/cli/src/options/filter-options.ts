import type { CategoryName, ListFilter, PriorityName, TaskStateName } from "@ccsp/client";
import { CATEGORY_NAMES } from "@ccsp/errors";
import { TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import { type Command, Option } from "commander";
import { label, namesOf, oneOf, timeAgo } from "./option-values.js";
import { CLASS_NAMES } from "./priority.js";

/** Options that select tasks. */
export interface FilterOptions {
  readonly state?: readonly TaskStateName[];
  readonly engine?: string;
  readonly priority?: readonly PriorityName[];
  readonly label?: Readonly<Record<string, string>>;
  readonly since?: Date;
  readonly until?: Date;
  readonly error?: readonly CategoryName[];
}

const STATES = namesOf(TaskState);

export function withFilter(command: Command): Command {
  const repeated = (flags: string, what: string, names: readonly string[]) =>
    new Option(flags, `only ${what}, several with commas: ${names.join(", ")}`).argParser(oneOf(names));
  return command
    .addOption(repeated("--state <state>", "this state", STATES))
    .option("--engine <name>", "only this engine")
    .addOption(repeated("--priority <class>", "this class", CLASS_NAMES))
    .option("--label <key=value>", "only with this label, may be repeated", label)
    .option(
      "--since <time>",
      "only tasks accepted at this time or later: 2026-01-31T09:00Z, or how long ago, such as 2h",
      timeAgo,
    )
    .option("--until <time>", "only tasks accepted before this time", timeAgo)
    .addOption(repeated("--error <category>", "tasks that failed with this", CATEGORY_NAMES));
}

/** Whether an option selects tasks. */
export function isFiltered({ state, engine, priority, label: labels, error, since, until }: FilterOptions): boolean {
  return [state, engine, priority, labels, error, since, until].some((each) => each !== undefined);
}

export function filterOf({ state, engine, priority, label: labels, since, until, error }: FilterOptions): ListFilter & {
  readonly states: readonly TaskStateName[] | undefined;
} {
  const rest = { createdAfter: since, createdBefore: until, errorCategories: error };
  return { states: state, engine, priorities: priority, labels, ...rest };
}
