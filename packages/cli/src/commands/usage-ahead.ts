import { ForecastMetric, ForecastState } from "@ccsp/protos/ccsp/usage/v1/forecast.js";
import { UsageFilter } from "@ccsp/protos/ccsp/usage/v1/usage.js";
import { toDuration } from "@ccsp/protos/duration.js";
import { Command, InvalidArgumentError, Option } from "commander";
import { type ConnectionOptions, withConnection } from "../connection/connection.js";
import { atGateway } from "../connection/operator.js";
import { durationMs, someText } from "../options/option-values.js";
import { FORMATS, NAMELESS } from "../output/format.js";
import { messageJson } from "../output/json-forms.js";
import { sayTable, showList, showOne } from "../output/show.js";
import { CliError, EXIT } from "../process/exit.js";
import { type Io, note, say } from "../process/io.js";
import { errorColumns, forecastLines, metricWords, windowColumns } from "../tables/usage-ahead.js";

interface WindowOptions extends ConnectionOptions {
  readonly engine?: string;
  readonly account?: string;
}

export function usageWindowsCommand(io: Io): Command {
  const command = new Command("windows")
    .description("show the usage windows of each login: state, share used, reset, and when they run out")
    .option("--engine <name>", "only windows of this engine", someText)
    .option("--account <name>", "only windows of this login", someText);
  return withConnection(command, FORMATS)
    .addHelpText(
      "after",
      `
"about" marks a share that is an estimate: the engine did not report it, or not
since CCSP used more. Engines report windows at the end of a run. UNKNOWN:
the window has turned since. -o wide also shows what CCSP used since the
window began, and why it is unknown when it runs out. Needs the scope
monitor:read.

Examples:
  ccsp usage windows
  ccsp usage windows -o json | jq 'select(.usedShare > 0.8)'`,
    )
    .action(async ({ engine = "", account, ...options }: WindowOptions) => {
      await atGateway(io, options, async (gateway) => {
        const { windows } = await gateway.listUsageWindows({ engine, ...(account !== undefined && { account }) });
        await showList(io, options, {
          rows: windows,
          json: (window) => messageJson("ccsp.monitor.v1.UsageWindow", window),
          name: (window) => `${window.engine}/${window.account}/${window.name}`,
          columns: windowColumns(new Date()),
          empty: "no engine has reported a usage window: logins of a subscription do, at the end of each run",
        });
      });
    });
}

const METRICS = {
  tokens: ForecastMetric.TOKENS,
  cost: ForecastMetric.COST,
  requests: ForecastMetric.REQUESTS,
} as const;

interface ForecastOptions extends ConnectionOptions {
  readonly metric: keyof typeof METRICS;
  readonly ahead: number;
  readonly agent?: string;
  readonly engine?: string;
  readonly account?: string;
  readonly model?: string;
  readonly label?: string;
}

const STEP_MS = 300_000;
const MOST_AHEAD_MS = 6 * 3_600_000;

export function usageForecastCommand(io: Io): Command {
  const command = new Command("forecast")
    .description("show the usage to come, how sure that is, and how wrong such forecasts were in the last day")
    .addOption(new Option("--metric <what>", "what to forecast").choices(Object.keys(METRICS)).default("tokens"))
    .addOption(
      new Option("--ahead <time>", "how far ahead: 5m to 6h, in steps of 5m").argParser(ahead).default(3_600_000, "1h"),
    )
    .option("--agent <id>", "only usage of this agent", someText)
    .option("--engine <name>", "only usage of this engine", someText)
    .option("--account <name>", "only usage of this login", someText)
    .option("--model <name>", "only usage of this model", someText)
    .option("--label <key=value>", "only usage with this label", someText);
  return withConnection(command, NAMELESS)
    .addHelpText(
      "after",
      `
At most one of --agent, --engine, --account, --model and --label. Four models
are tested with the last day; the one with the smallest error is used. VS LAST
RATE below 1 is better than to say that the next hour is like the last one.
Needs the scope monitor:read.

Examples:
  ccsp usage forecast
  ccsp usage forecast --metric cost --agent ci --ahead 3h
  ccsp usage forecast -o json | jq .forecast.expected`,
    )
    .action((options: ForecastOptions) => showForecast(io, options));
}

async function showForecast(io: Io, { metric, ahead: aheadMs, ...options }: ForecastOptions): Promise<void> {
  const { agent, engine, account, model, label } = options;
  const chosen = Object.entries({ agent, engine, account, model, label }).filter(([, value]) => value !== undefined);
  if (chosen.length > 1)
    throw new CliError(EXIT.usage, `use only one of ${chosen.map(([name]) => `--${name}`).join(" and ")}`);
  const filter = UsageFilter.fromPartial({
    agentId: agent ?? "",
    engine: engine ?? "",
    account: account ?? "",
    model: model ?? "",
    label: label ?? "",
  });
  await atGateway(io, options, async (gateway) => {
    const request = { metric: METRICS[metric], filter, horizon: toDuration(aheadMs) };
    const answer = await gateway.getForecast(request);
    const { forecast } = answer;
    const what = chosen[0] ? `${chosen[0][0]} ${chosen[0][1]}` : "everything";
    await showOne(io, options, {
      json: () => messageJson("ccsp.monitor.v1.GetForecastResponse", answer),
      async write() {
        if (forecast?.state !== ForecastState.KNOWN)
          return note(io, `no forecast of ${metric} for ${what}: ${forecast?.reason ?? "the monitor gave none"}`);
        for (const line of forecastLines(forecast, what)) say(io, line);
        if (forecast.runsUnknown > 0n)
          note(
            io,
            `the ${metricWords(forecast)} of ${forecast.runsUnknown} of ${forecast.runs} runs of the last day is not known, and not in the forecast`,
          );
        say(io, "");
        await sayTable(io, options, errorColumns(forecast.metric), forecast.errors);
      },
    });
  });
}

function ahead(value: string): number {
  const ms = durationMs(value);
  if (ms % STEP_MS === 0 && ms >= STEP_MS && ms <= MOST_AHEAD_MS) return ms;
  throw new InvalidArgumentError("Write a whole number of five minutes from 5m to 6h.");
}
