import { open } from "node:fs/promises";
import { Command, Option } from "commander";
import { untilInterrupted } from "../follow/following.js";
import { stateDir } from "../local-fleet/state.js";
import { timeAgo, wholeNumber } from "../options/option-values.js";
import { mayColour } from "../output/colour.js";
import { type OutputOptions, withOutput } from "../output/format.js";
import { CliError, EXIT } from "../process/exit.js";
import { type Io, note, sayFormatted, sayJson } from "../process/io.js";
import { followLog } from "../up/follow-log.js";
import { createLineFilter, LEVELS, type LineFilter, toFleetLine } from "../up/line-filter.js";
import { createLineFormat } from "../up/log-lines.js";
import { tailLog } from "../up/tail-log.js";

interface LogsOptions extends OutputOptions {
  readonly follow?: true;
  readonly lines: number;
  readonly since?: Date;
  readonly level?: string;
}

export function logsCommand(io: Io): Command {
  const command = new Command("logs")
    .description("show the log of fleets that were started with --detach")
    .argument("[service]", "only this service, one replica of it such as queue-1, redis, consul, or fleet itself")
    .option("-f, --follow", "follow the log until interrupted")
    .option("-n, --lines <number>", "how many of the last lines to show first", wholeNumber(), 200)
    .option("--since <time>", "only lines since then: 2026-01-31T09:00Z, or 10m for the last ten minutes", timeAgo)
    .addOption(new Option("--level <level>", "only lines of this level, or more severe ones").choices(LEVELS));
  return withOutput(command)
    .addHelpText(
      "after",
      `
Only the wanted lines count for --lines, also when older files of the log have
them. With --level, plain text of a service counts as an error: it is what a
crash leaves. Lines of Redis and Consul have no level. With -o json, each line
is one of JSON.

Examples:
  ccsp logs -f
  ccsp logs executor -n 50
  ccsp logs --since 10m --level warn
  ccsp logs gateway -o json | jq -r .line | jq 'select(.audit)'`,
    )
    .action((service: string | undefined, options: LogsOptions) => showLog(io, service, options));
}

async function showLog(io: Io, service: string | undefined, options: LogsOptions): Promise<void> {
  const filter = createLineFilter(service, options);
  const format = createLineFormat(mayColour(io));
  const { logFile: path } = stateDir(io.env);
  const file = await open(path).catch(() => {
    throw new CliError(EXIT.usage, `no log at ${path}: a fleet keeps one when it is started with --detach`);
  });
  const show = (text: string) => {
    const line = toFleetLine(text);
    if (options.json) sayJson(io, line);
    else sayFormatted(io, format(line));
  };
  try {
    const { complete, rest, end } = await tailLog({ path, file, most: options.lines, wanted: filter.wanted });
    for (const line of complete) show(line);
    if (complete.length === 0 && options.lines > 0) note(io, `no lines${filter.says}`);
    if (!options.follow) return;
    const showNew = (line: string) => {
      if (isWanted(filter, line)) show(line);
    };
    await untilInterrupted(io, (signal) => followLog({ path, file, rest, from: end, show: showNew, signal }));
  } finally {
    await file.close();
  }
}

const isWanted = ({ wanted }: LineFilter, line: string): boolean => wanted(line) === true;
