import { duration } from "../format.js";
import type { Tone } from "./text.js";

export interface TimelineBar {
  /** Milliseconds since the epoch. */
  readonly from: number;
  readonly to: number;
  readonly tone: Tone;
}
export interface TimelineRow {
  readonly label: string;
  /** Belongs to the row above, such as the tools of an attempt. */
  readonly inner?: boolean;
  /** How many parents it has among the rows. Default: 0. */
  readonly depth?: number;
  readonly bars: readonly TimelineBar[];
  /** Why it took this long, in words, beside the last bar. */
  readonly cause: string;
}

/**
 * What happened to a task, on one scale of time, with the cause beside each bar. It is a list to those who hear it.
 * `wideLabels`: for names that are longer than a few words.
 */
export function Timeline({
  label,
  rows,
  wideLabels = false,
}: {
  readonly label: string;
  readonly rows: readonly TimelineRow[];
  readonly wideLabels?: boolean;
}) {
  const bars = rows.flatMap((row) => row.bars);
  const start = Math.min(...bars.map(({ from }) => from));
  const last = Math.max(...bars.map(({ to }) => to), start + 1);
  // The causes stand at the right of the bars.
  const end = start + (last - start) / BARS_SHARE;
  const at = (time: number): string => `${((time - start) / (end - start)) * 100}%`;
  return (
    <div class={wideLabels ? "timeline wide" : "timeline"}>
      <div class="timeline-scale" aria-hidden="true">
        {ticks(last - start).map((tick) => (
          <span key={tick} style={{ left: at(start + tick) }}>
            {tick === 0 ? "0" : duration(tick)}
          </span>
        ))}
      </div>
      <ol aria-label={label}>
        {rows.map((row, index) => (
          <li key={index} class={row.inner ? "inner" : ""}>
            <span class="timeline-label" title={row.label} style={{ marginLeft: `${(row.depth ?? 0) * INDENT_PX}px` }}>
              {row.label}
            </span>
            <span class="timeline-track">
              {row.bars.map(({ from, to, tone }) => (
                <i
                  key={from}
                  class={`tone-${tone}`}
                  style={{ left: at(from), width: `calc(${at(to)} - ${at(from)})` }}
                />
              ))}
              <span class="timeline-cause" title={row.cause} style={causePlace(row, at, start, end)}>
                {row.cause}
              </span>
            </span>
          </li>
        ))}
      </ol>
    </div>
  );
}

const INDENT_PX = 8;
/** The rest is for causes. */
const BARS_SHARE = 0.7;

/** Beside the last bar: at its right, except when there is clearly more room at the left. */
function causePlace(row: TimelineRow, at: (time: number) => string, start: number, end: number) {
  const last = row.bars.reduce((most, { to }) => Math.max(most, to), start);
  const first = row.bars.reduce((least, { from }) => Math.min(least, from), end);
  if (end - last >= (first - start) * 0.6) return { left: at(last), maxWidth: `calc(100% - ${at(last)})` };
  return { right: `calc(100% - ${at(first)})`, maxWidth: at(first) };
}

const STEPS_S = [0.1, 0.5, 1, 5, 10, 30, 60, 300, 600, 1800, 3600, 4 * 3600, 12 * 3600, 86_400, 7 * 86_400];

/** At most five marks on a round scale. */
function ticks(lengthMs: number): number[] {
  const step = (STEPS_S.find((seconds) => lengthMs / (seconds * 1000) <= 5) ?? lengthMs / 5000) * 1000;
  return Array.from({ length: Math.floor(lengthMs / step) + 1 }, (_, index) => index * step);
}
