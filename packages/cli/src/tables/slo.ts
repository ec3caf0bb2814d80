import type { BurnRate, Slo } from "@ccsp/protos/ccsp/monitor/v1/slo.js";
import { durationMs } from "@ccsp/protos/duration.js";
import { type Paint, paint } from "../output/colour.js";
import type { Column } from "../output/table.js";
import { durationWords, grouped } from "../output/words.js";

const burn = (header: string, windowMs: number, drop?: number): Column<Slo> => ({
  header,
  value: ({ burnRates }) => rateWords(burnRates.find(({ window }) => durationMs(window) === windowMs)),
  align: "right",
  ...(drop !== undefined && { drop }),
});

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

export const SLO_COLUMNS: readonly Column<Slo>[] = [
  { header: "OBJECTIVE", value: ({ name }) => name, min: 12 },
  { header: "TARGET", value: ({ objective }) => percent(objective), align: "right" },
  { header: "NOW", value: ({ goodShare }) => (goodShare === undefined ? "-" : percent(goodShare)), align: "right" },
  { header: "COUNTED", value: ({ total }) => grouped(total), align: "right", drop: 3 },
  { header: "BUDGET LEFT", value: budgetWords, align: "right" },
  burn("5 MIN", 5 * MINUTE_MS),
  burn("1 H", HOUR_MS),
  burn("6 H", 6 * HOUR_MS, 1),
  burn("3 DAYS", 72 * HOUR_MS, 2),
  { header: "BURN", value: ({ burn: alert }) => alert, colour: burnColour },
  { header: "COUNTS AS GOOD", value: ({ description }) => description, min: 20, only: "wide" },
];

/** The time within which most calls were answered, if there were any. */
export const p95Line = (slos: readonly Slo[]): string[] =>
  slos.flatMap(({ p95 }) =>
    p95 ? [`95 of 100 calls of the last 5 min were answered within ${milliseconds(p95)}`] : [],
  );

const milliseconds = (time: NonNullable<Slo["p95"]>): string => {
  const ms = durationMs(time);
  return ms < 1_000 ? `${ms} ms` : durationWords(ms);
};

function burnColour(alert: string): Paint | undefined {
  if (alert === "fast") return paint("red");
  return alert === "slow" ? paint("yellow") : undefined;
}

/** Three digits below 100 %, never rounded up to 100 %. */
const percent = (share: number): string => {
  const value = Math.floor(share * 100_000 + 1e-6) / 1_000;
  return `${value} %`;
};

function budgetWords({ total, budgetLeft }: Slo): string {
  if (total === 0n) return "-";
  const left = Math.floor(budgetLeft * 1_000 + 1e-6) / 10;
  return `${Math.max(left, -999)} %`;
}

function rateWords(rate: BurnRate | undefined): string {
  if (rate === undefined || rate.total === 0n) return "-";
  return rate.rate >= 100 ? String(Math.round(rate.rate)) : rate.rate.toFixed(1);
}
