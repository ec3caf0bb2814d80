import { Exhaustion, ShareSource, type UsageWindow } from "@ccsp/protos/ccsp/monitor/v1/windows.js";
import { type Forecast, type ForecastError, ForecastMetric, Trend } from "@ccsp/protos/ccsp/usage/v1/forecast.js";
import { WindowState } from "@ccsp/protos/ccsp/usage/v1/window.js";
import { durationMs } from "@ccsp/protos/duration.js";
import { wordOf, wordsOf } from "@ccsp/protos/words.js";
import { stateColour } from "../output/colour.js";
import { sparkline } from "../output/sparkline.js";
import type { Column } from "../output/table.js";
import { durationWords, grouped, money, percent, zonedTime } from "../output/words.js";

const STATE = wordsOf(WindowState);
const ESTIMATED: ReadonlySet<ShareSource> = new Set([ShareSource.ESTIMATE, ShareSource.ENGINE_AND_USAGE]);

/** The columns of usage windows. */
export const windowColumns = (now: Date): readonly Column<UsageWindow>[] => [
  { header: "ENGINE", value: ({ engine }) => engine, min: 6, wanted: 11, drop: 2 },
  { header: "ACCOUNT", value: ({ account }) => account || "-", min: 8 },
  { header: "WINDOW", value: ({ name }) => name, min: 9 },
  { header: "STATE", value: ({ state }) => (wordOf(STATE, state) ?? "unknown").toUpperCase(), colour: stateColour },
  { header: "USED", value: usedWords },
  { header: "RESETS", value: ({ resetTime }) => (resetTime ? inWords(resetTime, now) : "unknown") },
  { header: "RUNS OUT", value: (window) => runsOutWords(window, now) },
  { header: "RUNS", value: ({ runs }) => grouped(runs), align: "right", drop: 3 },
  { header: "TOKENS", value: ({ tokens }) => grouped(tokens), align: "right", only: "wide" },
  { header: "COST", value: ({ costUsd }) => money(costUsd), align: "right", only: "wide" },
  { header: "LAST SIGNAL", value: ({ lastSignalTime }) => zonedTime(lastSignalTime), only: "wide" },
  { header: "WHY UNKNOWN", value: ({ exhaustReason }) => exhaustReason, only: "wide", min: 12 },
];

function usedWords({ usedShare, shareSource }: UsageWindow): string {
  if (usedShare === undefined) return "unknown";
  return `${ESTIMATED.has(shareSource) ? "about " : ""}${percent(usedShare)}`;
}

function runsOutWords({ exhaustion, exhaustTime }: UsageWindow, now: Date): string {
  if (exhaustion === Exhaustion.USED_UP) return "used up";
  if (exhaustion === Exhaustion.LASTS) return "lasts";
  return exhaustion === Exhaustion.RUNS_OUT && exhaustTime ? inWords(exhaustTime, now) : "unknown";
}

const inWords = (time: Date, now: Date): string =>
  time <= now ? "now" : `in ${durationWords(time.getTime() - now.getTime())}`;

const METRIC = wordsOf(ForecastMetric);
const TREND = wordsOf(Trend);

export const metricWords = ({ metric }: Forecast): string => wordOf(METRIC, metric) ?? "usage";

/** An amount in the unit of the metric. */
function amountWords(metric: ForecastMetric, amount: number): string {
  return metric === ForecastMetric.COST ? money(amount) : grouped(BigInt(Math.round(amount)));
}

/** What people read of a forecast, above the table of errors. `what` is whose usage it is. */
export function forecastLines(forecast: Forecast, what: string): readonly string[] {
  const { metric, horizon, expected, low, high, bandShare, trend, confidence, model, past, steps } = forecast;
  const amount = (value: number): string => amountWords(metric, value);
  const ahead = durationWords(horizon && durationMs(horizon));
  // One scale for all, so that the lines compare.
  const all = [...past, ...steps.map((each) => each.high)];
  const most = Math.max(...all, 0);
  const drawn = (numbers: readonly number[]): string => sparkline([...numbers, most]).slice(0, numbers.length);
  return [
    `${metricWords(forecast)} of ${what} in the next ${ahead}: ${amount(expected)}`,
    `band         ${amount(low)} to ${amount(high)}, in ${percent(bandShare)} of the cases`,
    `per hour     ${amount(forecast.ratePerHour)}`,
    `trend        ${wordOf(TREND, trend) ?? "unknown"}`,
    `confidence   ${percent(confidence)}`,
    `model        ${model}`,
    `valid until  ${zonedTime(forecast.validUntilTime)}`,
    `last 2 h     ${drawn(past)}`,
    `expected     ${drawn(steps.map((each) => each.expected))}`,
    `low          ${drawn(steps.map((each) => each.low))}`,
    `high         ${drawn(steps.map((each) => each.high))}`,
  ];
}

/** The columns of how the models did. */
export const errorColumns = (metric: ForecastMetric): readonly Column<ForecastError>[] => [
  { header: "MODEL", value: ({ model }) => model },
  { header: "AHEAD", value: ({ horizon }) => durationWords(horizon && durationMs(horizon)) },
  { header: "MEAN ERROR", value: ({ meanError }) => amountWords(metric, meanError), align: "right" },
  {
    header: "OF USAGE",
    value: ({ relativeError }) => percent(relativeError),
    align: "right",
  },
  {
    header: "VS LAST RATE",
    value: ({ scaledError }) => (scaledError === undefined ? "-" : scaledError.toFixed(2)),
    align: "right",
  },
  { header: "COMPARED", value: ({ comparisons }) => grouped(BigInt(comparisons)), align: "right", drop: 1 },
];
