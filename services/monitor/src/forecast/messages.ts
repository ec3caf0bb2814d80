import { invalidFields } from "@ccsp/errors";
import {
  type ForecastError,
  Forecast as ForecastMessage,
  ForecastMetric,
  ForecastState,
  Trend,
} from "@ccsp/protos/ccsp/usage/v1/forecast.js";
import { durationMs, toDuration } from "@ccsp/protos/duration.js";
import type { Duration } from "@ccsp/protos/google/protobuf/duration.js";
import { wordOf, wordsOf } from "@ccsp/protos/words.js";
import { DIMENSIONS } from "../usage/domain/run.js";
import type { UsageFilter } from "../usage/domain/usage-report.js";
import { backtest, type Score } from "./domain/backtest.js";
import { BAND_SHARE, type Forecast } from "./domain/forecast.js";
import { type Metric, STEP_MS, STEPS_PER_HOUR } from "./domain/history.js";
import type { KnownForecast } from "./forecasts.js";
import { MOST_AHEAD } from "./usage-history.js";

const METRICS = wordsOf(ForecastMetric);

/** Throws a Refusal for an unknown metric. */
export function metricOf(message: ForecastMetric): Metric {
  const metric = message === ForecastMetric.UNSPECIFIED ? "tokens" : wordOf(METRICS, message);
  if (metric === undefined) throw invalidFields([{ field: "metric", description: "is not a known metric" }]);
  return metric;
}

/** Returns the number of steps. Throws a Refusal for a horizon that is not valid. */
export function aheadOf(horizon: Duration | undefined): number {
  const ahead = horizon === undefined ? STEPS_PER_HOUR : durationMs(horizon) / STEP_MS;
  if (!(Number.isInteger(ahead) && ahead >= 1 && ahead <= MOST_AHEAD))
    throw invalidFields([{ field: "horizon", description: "must be a whole number of five minutes, up to six hours" }]);
  return ahead;
}

/** Throws a Refusal for a filter with more than one dimension: below an hour, each is counted by itself. */
export function checkOneDimension(filter: UsageFilter): UsageFilter {
  if (DIMENSIONS.filter((each) => filter[each] !== undefined).length > 1)
    throw invalidFields([{ field: "filter", description: "can have only one field" }]);
  return filter;
}

const TREND: Readonly<Record<Forecast["trend"], Trend>> = wordsOf(Trend);

/** Money is in micro-dollars within the monitor, and in dollars in messages. */
const unitOf = (metric: Metric): number => (metric === "cost" ? 1e-6 : 1);

export function forecastMessage({ forecast, usage }: KnownForecast, metric: Metric): ForecastMessage {
  const unit = unitOf(metric);
  const { history, runs, unknown } = usage;
  const about = {
    metric: { tokens: ForecastMetric.TOKENS, cost: ForecastMetric.COST, requests: ForecastMetric.REQUESTS }[metric],
    startTime: new Date(forecast.from),
    horizon: toDuration(forecast.horizonMs),
    past: history.steps.slice(-2 * STEPS_PER_HOUR).map((each) => each * unit),
    runs: BigInt(runs),
    runsUnknown: BigInt(unknown),
  };
  if (forecast.state !== "known")
    return ForecastMessage.fromPartial({ ...about, state: ForecastState.TOO_LITTLE_DATA, reason: forecast.reason });
  const { expected, low, high, path, horizonMs, scores } = forecast;
  const ahead = horizonMs / STEP_MS;
  // A step has the part of the band that it has of the expected usage; without any, all steps have the same part.
  const part = (value: number, edge: number): number => (expected > 0 ? (value * edge) / expected : edge / ahead);
  const step = ahead === 1 ? [] : backtest(history, 1).map((score) => errorMessage(score, STEP_MS, unit));
  return ForecastMessage.fromPartial({
    ...about,
    state: ForecastState.KNOWN,
    validUntilTime: new Date(forecast.validUntil),
    expected: expected * unit,
    low: low * unit,
    high: high * unit,
    bandShare: BAND_SHARE,
    ratePerHour: forecast.ratePerHour * unit,
    trend: TREND[forecast.trend],
    confidence: forecast.confidence,
    model: forecast.model,
    errors: [...scores.map((score) => errorMessage(score, horizonMs, unit)), ...step],
    steps: Array.from({ length: ahead }, (_, at) => {
      const value = path(at + 1);
      return { expected: value * unit, low: part(value, low) * unit, high: part(value, high) * unit };
    }),
  });
}

const errorMessage = (score: Score, horizonMs: number, unit: number): ForecastError => ({
  model: score.model,
  horizon: toDuration(horizonMs),
  comparisons: score.tests.length,
  meanError: score.meanError * unit,
  relativeError: score.relativeError,
  scaledError: score.scaledError,
});
