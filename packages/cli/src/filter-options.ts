import type { CategoryName, ListFilter, PriorityName, TaskStateName } from "@ccsp/client";
import { ErrorCategory, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import { type Command, InvalidArgumentError, Option } from "commander";
import { CLASS_NAMES } from "./priority.js";
import { durationMs, label } from "./task-options.js";

/** Which tasks are meant. */
export interface FilterOptions {
  readonly state?: readonly TaskStateName[];
  readonly engine?: string;
  readonly priority?: readonly PriorityName[];
  readonly label?: Readonly<Record<string, string>>;
  readonly since?: Date;
  readonly until?: Date;
  readonly error?: readonly CategoryName[];
}

type Named<E> = Exclude<keyof E, "UNSPECIFIED" | "UNRECOGNIZED"> & string;

const STATES = namesOf(TaskState);
const CATEGORIES = namesOf(ErrorCategory);

export function withFilter(command: Command): Command {
  const repeated = (flags: string, what: string, names: readonly string[]) =>
    new Option(flags, `only ${what}, may be repeated: ${names.join(", ")}`).argParser(oneOf(names));
  return command
    .addOption(repeated("--state <state>", "this state", STATES))
    .option("--engine <name>", "only this engine")
    .addOption(repeated("--priority <class>", "this class", CLASS_NAMES))
    .option("--label <key=value>", "only with this label, may be repeated", label)
    .option("--since <time>", "only accepted then or later: 2026-01-31T09:00Z, or how long ago, such as 2h", time)
    .option("--until <time>", "only accepted before then", time)
    .addOption(repeated("--error <category>", "those that failed of this", CATEGORIES));
}

export function filterOf({ state, engine, priority, label: labels, since, until, error }: FilterOptions): ListFilter & {
  readonly states: readonly TaskStateName[] | undefined;
} {
  const rest = { createdAfter: since, createdBefore: until, errorCategories: error };
  return { states: state, engine, priorities: priority, labels, ...rest };
}

function namesOf<E extends object>(named: E): readonly Named<E>[] {
  return Object.keys(named).filter(
    (name): name is Named<E> => /^[A-Z]/.test(name) && name !== "UNSPECIFIED" && name !== "UNRECOGNIZED",
  );
}

/** In whatever case it is written. */
function oneOf<T extends string>(names: readonly T[]): (value: string, before?: readonly T[]) => readonly T[] {
  return (value, before = []) => {
    const name = names.find((each) => each.toLowerCase() === value.toLowerCase());
    if (name === undefined) throw new InvalidArgumentError(`It is none of ${names.join(", ")}.`);
    return [...before, name];
  };
}

function time(value: string): Date {
  const at = /^\d{4}-\d\d-\d\d/.test(value) ? Date.parse(value) : Date.now() - durationMs(value);
  if (Number.isNaN(at)) throw new InvalidArgumentError("Write it as 2026-01-31T09:00Z, or as 2h for two hours ago.");
  return new Date(at);
}
