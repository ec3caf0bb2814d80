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
  readonly bars: readonly TimelineBar[];
  /** Why it took this long, in words, beside the last bar. */
  readonly cause: string;
}

/** What happened to a task, on one scale of time, with the cause beside each bar. It is a list to those who hear it. */
export function Timeline({ label, rows }: { readonly label: string; readonly rows: readonly TimelineRow[] }) {
  const bars = rows.flatMap((row) => row.bars);
  const start = Math.min(...bars.map(({ from }) => from));
  const end = Math.max(...bars.map(({ to }) => to), start + 1);
  const at = (time: number): string => `${((time - start) / (end - start)) * 100}%`;
  return (
    <div class="timeline">
      <div class="timeline-scale" aria-hidden="true">
        {ticks(end - start).map((tick) => (
          <span key={tick} style={{ left: at(start + tick) }}>
            {duration(tick)}
          </span>
        ))}
      </div>
      <ol aria-label={label}>
        {rows.map((row, index) => (
          <li key={index} class={row.inner ? "inner" : ""}>
            <span class="timeline-label">{row.label}</span>
            <span class="timeline-track">
              {row.bars.map(({ from, to, tone }) => (
                <i
                  key={from}
                  class={`tone-${tone}`}
                  style={{ left: at(from), width: `calc(${at(to)} - ${at(from)})` }}
                />
              ))}
              <span class="timeline-cause" style={causePlace(row, at, start, end)}>
                {row.cause}
              </span>
            </span>
          </li>
        ))}
      </ol>
    </div>
  );
}

/** Beside the last bar: at its right while there is room, else at its left. */
function causePlace(row: TimelineRow, at: (time: number) => string, start: number, end: number) {
  const last = row.bars.reduce((most, { to }) => Math.max(most, to), start);
  const first = row.bars.reduce((least, { from }) => Math.min(least, from), end);
  const roomAtRight = end - last;
  if (roomAtRight >= first - start || roomAtRight > (end - start) * 0.3) return { left: at(last) };
  return { right: `calc(100% - ${at(first)})` };
}

const STEPS_S = [0.1, 0.5, 1, 5, 10, 30, 60, 300, 600, 1800, 3600, 4 * 3600, 12 * 3600, 86_400, 7 * 86_400];

/** At most five marks on a round scale. */
function ticks(lengthMs: number): number[] {
  const step = (STEPS_S.find((seconds) => lengthMs / (seconds * 1000) <= 5) ?? lengthMs / 5000) * 1000;
  return Array.from({ length: Math.floor(lengthMs / step) + 1 }, (_, index) => index * step);
}
