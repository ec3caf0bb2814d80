import { useAnswer } from "../answer.js";
import { milliseconds } from "../format.js";
import { shellWords } from "../i18n/shell.js";
import { usageWords } from "../i18n/usage.js";
import { AreaChart } from "../parts/area-chart.js";
import { Failure } from "../parts/failure.js";
import { amountOf, formatted, type Measure } from "./amounts.js";
import { RANGES, type RangeName } from "./range.js";

/** What was used in each step of the range. */
export function OverTime({
  range,
  measure,
  times,
}: {
  readonly range: RangeName;
  readonly measure: Measure;
  readonly times: { readonly startTime: string; readonly endTime: string };
}) {
  const word = usageWords();
  const step = `${RANGES[range].stepMs / 1000}s`;
  const series = useAnswer("GET /usage/series", { query: { ...times, step } });
  if (series.error) return <Failure error={series.error} onRetry={series.reload} />;
  if (!series.data?.startTime) return <p class="third">{shellWords().loading}</p>;
  const { startTime, steps } = series.data;
  const stepMs = milliseconds(series.data.step ?? step);
  const startMs = Date.parse(startTime);
  const at = Array.from({ length: steps }, (_, index) => startMs + index * stepMs);
  // Where clocks change, a day is an hour longer or shorter, so the step of a point is the nearest one.
  const points = new Map(
    (series.data.series[0]?.points ?? []).map(({ time, usage }) => [
      Math.round((Date.parse(time ?? "") - startMs) / stepMs),
      usage,
    ]),
  );
  const values = at.map((_, index) => {
    const row = points.get(index);
    return row ? amountOf(row, measure) : 0;
  });
  return (
    <AreaChart
      label={word.overTime}
      times={at}
      series={[{ label: word.measures[measure], tone: "runs", values }]}
      format={(value) => formatted(value, measure)}
    />
  );
}
