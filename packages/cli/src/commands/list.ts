import { Task } from "@ccsp/protos/ccsp/task/v1/task.js";
import { Command } from "commander";
import { type ConnectionOptions, connected, withConnection } from "../connection.js";
import { taskLine } from "../describe.js";
import { type FilterOptions, filterOf, withFilter } from "../filter-options.js";
import { type Io, say, sayJson } from "../io.js";
import { wholeNumber } from "../option-values.js";

type ListOptions = ConnectionOptions & FilterOptions & { readonly limit: number };

export function listCommand(io: Io): Command {
  const command = new Command("list")
    .description("list your tasks, newest first")
    .option("--limit <number>", "most tasks to show", wholeNumber(1), 20);
  return withConnection(withFilter(command))
    .addHelpText(
      "after",
      `
Examples:
  ccsp list --state running --state queued
  ccsp list --label repo=web --priority low --since 2h
  ccsp list --error rate_limit --since 2026-01-31T09:00Z --until 1d
  ccsp list --limit 500 --json | jq -r .id`,
    )
    .action(async ({ limit, ...options }: ListOptions) => {
      await connected(io, options, async (client) => {
        let shown = 0;
        // The page size is at most the limit, so the client asks for at most one page more than the command needs.
        for await (const task of client.list({ ...filterOf(options), pageSize: Math.min(limit, 500) })) {
          if (shown >= limit) break;
          shown += 1;
          if (options.json) sayJson(io, Task.toJSON(task));
          else say(io, taskLine(task));
        }
        if (shown === 0 && !options.json) say(io, "no tasks");
      });
    });
}
