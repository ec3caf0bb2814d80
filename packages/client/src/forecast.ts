import type { GetMyForecastRequest } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import {
  type ForecastError as ErrorMessage,
  ForecastMetric,
  ForecastState,
  type Forecast as Message,
  Trend,
} from "@ccsp/protos/ccsp/usage/v1/forecast.js";
import { durationMs } from "@ccsp/protos/duration.js";
import { wordsOf } from "@ccsp/protos/words.js";
import type { CallSettings } from "./caller.js";
import { answered } from "./errors.js";
import { duration, type Fields, oneOf } from "./fields.js";
import { wordOf } from "./words.js";

/** What is forecast: tokens of all kinds together, US dollars, or runs. */
export type ForecastMetricName = "tokens" | "cost" | "requests";

/** Says what to forecast. */
export interface ForecastQuery {
  /** Default: `tokens`. */
  readonly metric?: ForecastMetricName | undefined;
  /** How far ahead: whole steps of five minutes, up to six hours. Default: one hour. */
  readonly horizonMs?: number | undefined;
}

export interface ForecastSettings extends CallSettings, ForecastQuery {}

/** What is expected of the agent's usage. Too little usage to say anything is not a forecast of zero. */
export type Forecast = KnownForecast | NoForecast;

/** What every forecast has. All amounts are in the unit of the metric. */
export interface ForecastBase {
  readonly metric: ForecastMetricName | "unknown";
  /** From when on. Usage counts up to this time. */
  readonly startTime: Date;
  readonly horizonMs: number;
  /** Usage of the last two hours, in steps of five minutes, oldest first. */
  readonly past: readonly number[];
  /** Number of runs in the last day. */
  readonly runs: number;
  /** Number of these runs that the forecast leaves out, because their tokens or cost are not known. */
  readonly runsUnknown: number;
}

export interface NoForecast extends ForecastBase {
  readonly state: "too-little-data";
  /** What is missing, for people. */
  readonly reason: string;
}

export interface KnownForecast extends ForecastBase {
  readonly state: "known";
  /** From then on, a newer forecast knows more. */
  readonly validUntilTime: Date;
  /** Expected usage within the horizon. */
  readonly expected: number;
  /** Lower edge of the band. */
  readonly low: number;
  /** Upper edge of the band. */
  readonly high: number;
  /** Share of the cases in which usage is meant to be within the band, such as 0.8. */
  readonly bandShare: number;
  readonly ratePerHour: number;
  /** Direction of the last two hours. */
  readonly trend: "increasing" | "decreasing" | "stable" | "unknown";
  /** How much to trust it, 0 to 1. */
  readonly confidence: number;
  /** Name of the model that made it: `last-rate`, `linear`, `daily` or `weekly`. */
  readonly model: string;
  /** The errors of all models in the last day. */
  readonly errors: readonly ForecastError[];
  /** Expected usage of each five minutes within the horizon. */
  readonly steps: readonly ForecastStep[];
}

export interface ForecastStep {
  readonly expected: number;
  readonly low: number;
  readonly high: number;
}

/** How one model did in the last day. */
export interface ForecastError {
  readonly model: string;
  /** How far ahead it looked. */
  readonly horizonMs: number;
  /** Number of comparisons with what happened. */
  readonly comparisons: number;
  /** Mean absolute error, in the unit of the metric. */
  readonly meanError: number;
  /** Mean absolute error as a share of the usage. Undefined: there was no usage. */
  readonly relativeError: number | undefined;
  /** Mean absolute error divided by that of `last-rate`. Undefined: `last-rate` had no error. */
  readonly scaledError: number | undefined;
}

const METRICS: Readonly<Record<ForecastMetricName, ForecastMetric>> = wordsOf(ForecastMetric);
const TRENDS = wordsOf(Trend);

export const FORECAST_QUERY: Fields<ForecastQuery, GetMyForecastRequest> = {
  metric: oneOf<ForecastMetricName, ForecastMetric>(METRICS),
  horizonMs: duration,
};

export function toForecast(message: Message): Forecast {
  const base: ForecastBase = {
    metric: wordOf(METRICS, message.metric),
    startTime: answered(message.startTime, "the start of the forecast"),
    horizonMs: durationMs(message.horizon),
    past: message.past,
    runs: Number(message.runs),
    runsUnknown: Number(message.runsUnknown),
  };
  if (message.state !== ForecastState.KNOWN) return { ...base, state: "too-little-data", reason: message.reason };
  const { expected, low, high, bandShare, ratePerHour, confidence, model, steps } = message;
  return {
    ...base,
    ...{ state: "known", expected, low, high, bandShare, ratePerHour, confidence, model, steps },
    validUntilTime: answered(message.validUntilTime, "the time until which the forecast is valid"),
    trend: wordOf(TRENDS, message.trend),
    errors: message.errors.map(toError),
  };
}

const toError = ({ horizon, ...error }: ErrorMessage): ForecastError => ({ ...error, horizonMs: durationMs(horizon) });
