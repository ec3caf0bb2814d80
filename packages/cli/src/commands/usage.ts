import { Dimension, ExportDetail, ExportFormat, UsageFilter } from "@ccsp/protos/ccsp/usage/v1/usage.js";
import { toDuration } from "@ccsp/protos/duration.js";
import { wordsOf } from "@ccsp/protos/words.js";
import { Command, Option } from "commander";
import { type ConnectionOptions, withConnection } from "../connection/connection.js";
import { atGateway, type Operator } from "../connection/operator.js";
import { oneOf, someText, timeAgo, timeZone as timeZoneName } from "../options/option-values.js";
import { NAMELESS } from "../output/format.js";
import { messageJson } from "../output/json-forms.js";
import { sayTable, showOne } from "../output/show.js";
import { zonedTime } from "../output/words.js";
import { CliError, EXIT } from "../process/exit.js";
import { type Io, note, writeText } from "../process/io.js";
import { BY, type By, gapWords, nameOf, sparklinesOf, usageColumns } from "../tables/usage.js";
import { usageForecastCommand, usageWindowsCommand } from "./usage-ahead.js";

interface UsageOptions extends ConnectionOptions {
  readonly by?: readonly (By | "attempt")[];
  readonly since: Date;
  readonly until?: Date;
  readonly agent?: string;
  readonly timeZone?: string;
  readonly export?: "csv" | "jsonl";
}

const DIMENSION: Readonly<Record<By, Dimension>> = {
  ...wordsOf(Dimension),
  class: Dimension.PRIORITY,
};
const [HOUR_MS, DAY_MS] = [3_600_000, 86_400_000];
/** A longer range is drawn and exported by the day. */
const MOST_HOURS = 60;
/** The series that one call returns at most. Rows beyond them have no sparkline. */
const MOST_SERIES = 100;
/** Days of other time zones than UTC are whole for so long. */
const WHOLE_DAYS_MS = 88 * DAY_MS;
const EXPORT_MS = 600_000;

export function usageCommand(io: Io): Command {
  // Options after the name of a subcommand are the subcommand's.
  const command = new Command("usage").enablePositionalOptions();
  return withConnection(command, NAMELESS)
    .description("show the runs, tokens, cost and times of agents, engines, models, classes and labels; forecast them")
    .addOption(
      new Option(
        "--by <what>",
        `group by ${Object.keys(BY).join(", ")}, several with commas (default: agent, model); with --export, attempt prints each attempt`,
      ).argParser(oneOf([...namesOfBy(), "attempt"] as const)),
    )
    .addOption(
      new Option("--since <time>", "from this time on, such as 2026-01-31T09:00Z, or 7d for seven days ago")
        .argParser(timeAgo)
        .default(timeAgo("24h"), "24h"),
    )
    .addOption(new Option("--until <time>", "up to this time (default: now)").argParser(timeAgo))
    .option("--time-zone <name>", "IANA time zone of the days (default: that of the monitor)", timeZoneName)
    .option("--agent <id>", "only usage of this agent", someText)
    .addOption(
      new Option("--export <format>", "print every hour or day with all dimensions, as CSV or JSON lines").choices([
        "csv",
        "jsonl",
      ]),
    )
    .addHelpText(
      "after",
      `
A cost that is not known is not zero: the table says for how many runs it is
unknown. Needs the scope monitor:read.

Examples:
  ccsp usage
  ccsp usage --by label --since 30d
  ccsp usage --by class --by engine --agent ci
  ccsp usage --since 90d --export csv > usage.csv
  ccsp usage --since 30d --time-zone Asia/Tokyo --export csv
  ccsp usage --since 7d --export csv --by attempt > attempts.csv
  ccsp usage -o json | jq .rows`,
    )
    .addCommand(usageWindowsCommand(io))
    .addCommand(usageForecastCommand(io))
    .action(async (options: UsageOptions) => {
      if (options.until && options.until <= options.since)
        throw new CliError(EXIT.usage, "--until must be after --since");
      if (options.by?.includes("attempt") && (!options.export || options.by.length > 1))
        throw new CliError(EXIT.usage, "--by attempt stands alone, and needs --export");
      await atGateway(io, options, (gateway) =>
        options.export ? exportUsage(io, options, gateway) : showUsage(io, options, gateway),
      );
    });
}

async function showUsage(io: Io, options: UsageOptions, gateway: Operator): Promise<void> {
  const by = options.by?.filter((each) => each !== "attempt") ?? (["agent", "model"] as const);
  const groupBy = by.map((each) => DIMENSION[each]);
  const range = rangeOf(options);
  const { timeZone = "" } = options;
  const usage = await gateway.getUsage({ ...range, timeZone, groupBy, filter: filterOf(options) });
  await showOne(io, options, {
    json: () => messageJson("ccsp.monitor.v1.GetUsageResponse", usage),
    async write() {
      if (usage.rows.length === 0) note(io, `no usage since ${zonedTime(options.since)}`);
      else {
        const stepMs = stepOf(options);
        const step = toDuration(stepMs);
        // The lines name no days, and the oldest days of other zones are not kept whole.
        const zone = options.since.getTime() < Date.now() - WHOLE_DAYS_MS ? "UTC" : timeZone;
        const drawn = { ...range, timeZone: zone, step, groupBy, filter: filterOf(options), maxSeries: MOST_SERIES };
        const lines = sparklinesOf(await gateway.getTimeSeries(drawn));
        const rows = usage.rows.map((row) => ({ row, line: lines.get(nameOf(row)) ?? "" }));
        await sayTable(io, options, usageColumns(by, stepMs === HOUR_MS ? "hour" : "day"), rows);
      }
      if (timeZone !== "" && usage.timeZone !== timeZone)
        note(io, "the gateway or the monitor is of an earlier release: the time zone was not used");
      for (const gap of usage.gaps) note(io, gapWords(gap));
    },
  });
}

async function exportUsage(io: Io, options: UsageOptions, gateway: Operator): Promise<void> {
  const format = options.export === "csv" ? ExportFormat.CSV : ExportFormat.JSON_LINES;
  const byAttempt = options.by?.includes("attempt") ?? false;
  // A monitor of an earlier release does not know the detail. It refuses this step, and would else answer with sums.
  const rows = byAttempt
    ? { detail: ExportDetail.ATTEMPTS, step: toDuration(0) }
    : { detail: ExportDetail.SUMS, step: toDuration(stepOf(options)) };
  const request = { ...rangeOf(options), ...rows, filter: filterOf(options), format, timeZone: options.timeZone ?? "" };
  for await (const { lines } of gateway.exportUsage(request, { timeoutMs: EXPORT_MS })) await writeText(io, lines);
}

const rangeOf = ({ since, until }: UsageOptions) => ({ startTime: since, ...(until && { endTime: until }) });

const filterOf = ({ agent = "" }: UsageOptions): UsageFilter => UsageFilter.fromPartial({ agentId: agent });

const stepOf = ({ since, until = new Date() }: UsageOptions): number =>
  until.getTime() - since.getTime() <= MOST_HOURS * HOUR_MS ? HOUR_MS : DAY_MS;

function namesOfBy(): readonly By[] {
  return Object.keys(BY).filter((name): name is By => name in BY);
}
