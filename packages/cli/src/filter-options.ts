import type { TaskStateName } from "@ccsp/client";
import type { TaskFilter } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { ErrorCategory, type Priority, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import { type Command, InvalidArgumentError, Option } from "commander";
import { CLASS_NAMES, priority } from "./gate-scope.js";
import { durationMs, label } from "./task-options.js";

/** Which tasks an operator means. */
export interface FilterOptions {
  readonly agent?: string;
  readonly engine?: string;
  readonly class?: readonly Priority[];
  readonly state?: readonly TaskStateName[];
  readonly label?: Readonly<Record<string, string>>;
  readonly error?: readonly ErrorCategory[];
  readonly olderThan?: number;
  readonly newerThan?: number;
}

export function withFilter(command: Command): Command {
  return command
    .option("--agent <id>", "tasks of this agent")
    .option("--engine <name>", "tasks of this engine")
    .addOption(
      new Option("--class <class>", `tasks of this class, may be repeated: ${CLASS_NAMES.join(", ")}`).argParser(
        classes,
      ),
    )
    .addOption(new Option("--state <state>", "tasks in this state, may be repeated").argParser(states))
    .option("--label <key=value>", "tasks with this label, may be repeated", label)
    .addOption(
      new Option(
        "--error <category>",
        "tasks whose newest failure is this one, such as RATE_LIMIT, may be repeated",
      ).argParser(errors),
    )
    .option("--older-than <time>", "tasks that were accepted longer ago than this, such as 2h", durationMs)
    .option("--newer-than <time>", "tasks that were accepted more recently than this", durationMs)
    .option("--yes", "do it; without it the tasks are only counted");
}

/** Undefined when no option names any task. */
export function filterOf(options: FilterOptions): TaskFilter | undefined {
  const { agent, engine, class: priorities, state, label: labels, error, olderThan, newerThan } = options;
  if ([agent, engine, priorities, state, labels, error, olderThan, newerThan].every((each) => each === undefined)) {
    return undefined;
  }
  const ago = (ms: number | undefined) => (ms === undefined ? undefined : new Date(Date.now() - ms));
  return {
    ...{ agentId: agent ?? "", engine: engine ?? "", priorities: [...(priorities ?? [])], labels: { ...labels } },
    states: (state ?? []).map((name) => TaskState[name]),
    errorCategories: [...(error ?? [])],
    createdAfter: ago(newerThan),
    createdBefore: ago(olderThan),
  };
}

const classes = (name: string, before: readonly Priority[] = []): readonly Priority[] => [...before, priority(name)];

export const STATES = Object.keys(TaskState).filter(isState);

function isState(name: string): name is TaskStateName {
  return /^[A-Z]/.test(name) && name !== "UNSPECIFIED" && name !== "UNRECOGNIZED";
}

/** For commander: states by their names, in any case. */
export function states(value: string, before: readonly TaskStateName[] = []): readonly TaskStateName[] {
  const name = value.toUpperCase();
  if (!isState(name) || !STATES.includes(name)) throw new InvalidArgumentError(`It is none of ${STATES.join(", ")}.`);
  return [...before, name];
}

function errors(value: string, before: readonly ErrorCategory[] = []): readonly ErrorCategory[] {
  const name = value.toUpperCase();
  if (!isCategory(name)) throw new InvalidArgumentError("It is no category of an error.");
  return [...before, ErrorCategory[name]];
}

const isCategory = (name: string): name is Exclude<keyof typeof ErrorCategory, "UNSPECIFIED" | "UNRECOGNIZED"> =>
  /^[A-Z]/.test(name) && name !== "UNSPECIFIED" && name !== "UNRECOGNIZED" && Object.hasOwn(ErrorCategory, name);
