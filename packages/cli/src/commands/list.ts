import type { TaskStateName } from "@ccsp/client";
import { Task, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import { Command, InvalidArgumentError, Option } from "commander";
import { type ConnectionOptions, connected, withConnection } from "../connection.js";
import { stateName } from "../describe.js";
import { type Io, say, sayJson } from "../io.js";
import { wholeNumber } from "../task-options.js";

type ListOptions = ConnectionOptions & { readonly state?: readonly TaskStateName[]; readonly limit: number };

export function listCommand(io: Io): Command {
  const command = new Command("list")
    .description("list your tasks, newest first")
    .addOption(new Option("--state <state>", `only this state, may be repeated: ${STATES.join(", ")}`).argParser(state))
    .option("--limit <number>", "most tasks to show", wholeNumber(1), 20);
  return withConnection(command)
    .addHelpText(
      "after",
      `
Examples:
  ccsp list --state running --state queued
  ccsp list --limit 500 --json | jq -r .id`,
    )
    .action(async ({ state: states, limit, ...options }: ListOptions) => {
      await connected(io, options, async (client) => {
        let shown = 0;
        // One more page than needed is never asked for.
        for await (const task of client.list({ states, pageSize: Math.min(limit, 500) })) {
          if (shown >= limit) break;
          shown += 1;
          if (options.json) sayJson(io, Task.toJSON(task));
          else say(io, line(task));
        }
        if (shown === 0 && !options.json) say(io, "no tasks");
      });
    });
}

const STATES = Object.keys(TaskState).filter(isState);

function isState(name: string): name is TaskStateName {
  return /^[A-Z]/.test(name) && name !== "UNSPECIFIED" && name !== "UNRECOGNIZED";
}

function state(value: string, before: readonly TaskStateName[] = []): readonly TaskStateName[] {
  const name = value.toUpperCase();
  if (!isState(name) || !STATES.includes(name)) throw new InvalidArgumentError(`It is none of ${STATES.join(", ")}.`);
  return [...before, name];
}

function line({ id, state: current, createTime, attempt, spec }: Task): string {
  const labels = Object.entries(spec?.labels ?? {}).map(([key, value]) => `${key}=${value}`);
  const columns = [id, stateName(current).padEnd(10), createTime?.toISOString() ?? "", `attempts ${attempt}`];
  return [...columns, ...labels].join("  ");
}
