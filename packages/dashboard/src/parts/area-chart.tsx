import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { number, time } from "../format.js";
import { shellWords } from "../i18n/shell.js";
import { locale, theme } from "../settings.js";
import type { Tone } from "./text.js";

export interface Series {
  readonly label: string;
  readonly tone: Tone;
  /** One value for each time. Undefined: not known, which leaves a gap. */
  readonly values: readonly (number | undefined)[];
}

const HEIGHT_PX = 150;

/** Values over time, stacked, the first series at the bottom. A table with the same numbers is behind it. */
export function AreaChart({
  label,
  times,
  series,
  format = number,
}: {
  readonly label: string;
  /** Milliseconds since the epoch, ascending. */
  readonly times: readonly number[];
  readonly series: readonly Series[];
  readonly format?: (value: number) => string;
}) {
  const holder = useRef<HTMLDivElement>(null);
  const shown = JSON.stringify([times, series, locale.value, theme.value]);
  useEffect(() => {
    const parent = holder.current;
    if (!parent) return undefined;
    const chart = new uPlot(options(parent, series, format), stacked(times, series), parent);
    const resized = new ResizeObserver(() => chart.setSize({ width: parent.clientWidth, height: HEIGHT_PX }));
    resized.observe(parent);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const redraw = () => chart.redraw(false);
    dark.addEventListener("change", redraw);
    return () => {
      resized.disconnect();
      dark.removeEventListener("change", redraw);
      chart.destroy();
    };
  }, [shown]);
  return (
    <figure class="chart" aria-label={label}>
      <div ref={holder} aria-hidden="true" />
      <figcaption>
        {series.map(({ label: name, tone }) => (
          <span key={name} class={`state tone-${tone}`}>
            <i class="square" aria-hidden="true" />
            {name}
          </span>
        ))}
      </figcaption>
      <ChartTable times={times} series={series} format={format} />
    </figure>
  );
}

function ChartTable({
  times,
  series,
  format,
}: {
  readonly times: readonly number[];
  readonly series: readonly Series[];
  readonly format: (value: number) => string;
}) {
  const word = shellWords();
  return (
    <details class="chart-table">
      <summary>{word.showTable}</summary>
      <table>
        <thead>
          <tr>
            <td />
            {series.map(({ label }) => (
              <th key={label} scope="col">
                {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {times.map((at, index) => (
            <tr key={at}>
              <th scope="row">{time(new Date(at))}</th>
              {series.map(({ label, values }) => {
                const value = values[index];
                return <td key={label}>{value === undefined ? word.unknown : format(value)}</td>;
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}

/** Each series on top of those before it, the last one first, so that the lower ones are painted over it. */
function stacked(times: readonly number[], series: readonly Series[]): uPlot.AlignedData {
  const sums: number[] = times.map(() => 0);
  const layers = series.map(({ values }) =>
    values.map((value, index) => {
      if (value === undefined) return null;
      sums[index] = (sums[index] ?? 0) + value;
      return sums[index];
    }),
  );
  return [times.map((at) => at / 1000), ...layers.toReversed()] as uPlot.AlignedData;
}

function options(parent: HTMLElement, series: readonly Series[], format: (value: number) => string): uPlot.Options {
  const style = (name: string) => () => colourOf(parent, name);
  const font = "10px system-ui, sans-serif";
  return {
    width: parent.clientWidth,
    height: HEIGHT_PX,
    padding: [8, 16, 0, 0],
    legend: { show: false },
    cursor: { show: false },
    scales: { y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] } },
    axes: [
      {
        stroke: style("--text-3"),
        font,
        grid: { show: false },
        ticks: { show: false },
        size: 20,
        space: 90,
        values: (_, seconds) => seconds.map((second) => time(new Date(second * 1000))),
      },
      {
        stroke: style("--text-3"),
        font,
        grid: { stroke: style("--line"), width: 1, dash: [2, 3] },
        ticks: { show: false },
        // As wide as the longest label.
        size: (_, labels) => 14 + 6 * Math.max(...(labels ?? []).map(({ length }) => length), 2),
        space: 36,
        values: (_, values) => values.map((value) => format(value)),
        // Tasks are counted whole.
        ...(series.every(({ values }) => values.every(isWhole)) && { incrs: WHOLE_STEPS }),
      },
    ],
    series: [
      {},
      ...series.toReversed().map(({ label, tone }) => ({
        label,
        fill: style(`--${tone}`),
        width: 0,
        points: { show: false },
      })),
    ],
  };
}

const isWhole = (value: number | undefined): boolean => value === undefined || Number.isInteger(value);
const WHOLE_STEPS = Array.from({ length: 12 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat();

/** A canvas does not know custom properties, nor light-dark(): the browser resolves them on an element. */
function colourOf(parent: HTMLElement, name: string): string {
  parent.style.color = `var(${name})`;
  return getComputedStyle(parent).color;
}
