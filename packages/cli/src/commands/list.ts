import type { TaskStateName } from "@ccsp/client";
import { Task } from "@ccsp/protos/ccsp/task/v1/task.js";
import { Command, Option } from "commander";
import { type ConnectionOptions, connected, withConnection } from "../connection.js";
import { stateName } from "../describe.js";
import { STATES, states } from "../filter-options.js";
import { type Io, say, sayJson } from "../io.js";
import { wholeNumber } from "../task-options.js";

type ListOptions = ConnectionOptions & { readonly state?: readonly TaskStateName[]; readonly limit: number };

export function listCommand(io: Io): Command {
  const command = new Command("list")
    .description("list your tasks, newest first")
    .addOption(
      new Option("--state <state>", `only this state, may be repeated: ${STATES.join(", ")}`).argParser(states),
    )
    .option("--limit <number>", "most tasks to show", wholeNumber(1), 20);
  return withConnection(command)
    .addHelpText(
      "after",
      `
Examples:
  ccsp list --state running --state queued
  ccsp list --limit 500 --json | jq -r .id`,
    )
    .action(async ({ state, limit, ...options }: ListOptions) => {
      await connected(io, options, async (client) => {
        let shown = 0;
        // One more page than needed is never asked for.
        for await (const task of client.list({ states: state, pageSize: Math.min(limit, 500) })) {
          if (shown >= limit) break;
          shown += 1;
          if (options.json) sayJson(io, Task.toJSON(task));
          else say(io, line(task));
        }
        if (shown === 0 && !options.json) say(io, "no tasks");
      });
    });
}

function line({ id, state: current, createTime, attempt, spec }: Task): string {
  const labels = Object.entries(spec?.labels ?? {}).map(([key, value]) => `${key}=${value}`);
  const columns = [id, stateName(current).padEnd(10), createTime?.toISOString() ?? "", `attempts ${attempt}`];
  return [...columns, ...labels].join("  ");
}
