import { Command } from "commander";
import { type ConnectionOptions, connected, withConnection } from "../connection/connection.js";
import { type FilterOptions, filterOf, isFiltered, withFilter } from "../options/filter-options.js";
import { type LimitOptions, limitOf, pageSizeFor, withLimit } from "../options/limit-options.js";
import { FORMATS } from "../output/format.js";
import { taskJson } from "../output/json-forms.js";
import { showList } from "../output/show.js";
import type { Io } from "../process/io.js";
import { TASK_COLUMNS } from "../tables/tasks.js";

type ListOptions = ConnectionOptions & FilterOptions & LimitOptions;

export function listCommand(io: Io): Command {
  const command = withLimit(new Command("list").description("list your tasks, newest first"));
  return withConnection(withFilter(command), FORMATS)
    .addHelpText(
      "after",
      `
Examples:
  ccsp list --state running --state queued
  ccsp list --label repo=web --priority low --since 2h
  ccsp list --error rate_limit --since 2026-01-31T09:00Z --until 1d
  ccsp list --all -o json | jq -r .id       (one JSON document a line)
  ccsp list -o wide                         (whole ids, times, models)`,
    )
    .action(async (options: ListOptions) => {
      const limit = limitOf(options);
      await connected(io, options, (client) =>
        showList(io, options, {
          rows: client.list({ ...filterOf(options), pageSize: pageSizeFor(limit) }),
          json: taskJson,
          name: ({ id }) => id,
          columns: TASK_COLUMNS,
          limit,
          empty: isFiltered(options) ? "no tasks match these options" : 'no tasks yet: ccsp run "Say hello"',
        }),
      );
    });
}
