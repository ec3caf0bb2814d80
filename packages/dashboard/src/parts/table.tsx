import type { ComponentChildren } from "preact";
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { number } from "../format.js";
import { shellWords } from "../i18n/shell.js";

export interface Column<Row> {
  readonly name: string;
  readonly cell: (row: Row) => ComponentChildren;
  /** Numbers stand at the right. */
  readonly number?: boolean;
  /** Left out on a narrow screen. */
  readonly wide?: boolean;
}

/** Rows are this high when there are so many that only those in view are drawn. */
const ROW_PX = 49;
const DRAW_ALL_BELOW = 100;
const BEYOND_VIEW = 10;

/**
 * A table. Of more than 100 rows, only those in view are drawn. `onEnd` is called when the end comes near, to read the
 * next page. `waiting` new rows are announced above, and shown with `onShowWaiting`: see `useSteadyRows`.
 */
export function DataTable<Row>({
  label,
  columns,
  rows,
  rowKey,
  onEnd,
  waiting = 0,
  onShowWaiting,
}: {
  readonly label: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly rowKey: (row: Row) => string;
  readonly onEnd?: () => void;
  readonly waiting?: number;
  readonly onShowWaiting?: () => void;
}) {
  const body = useRef<HTMLTableSectionElement>(null);
  const [first, last] = useRowsInView(body, rows.length, onEnd);
  return (
    <div class="table-holder">
      <div class="waiting-rows" aria-live="polite">
        {waiting > 0 && (
          <button type="button" onClick={onShowWaiting}>
            {Number.isFinite(waiting) ? shellWords().more(number(waiting)) : shellWords().newest}
          </button>
        )}
      </div>
      <table class="data" aria-label={label} aria-rowcount={rows.length}>
        <thead>
          <tr>
            {columns.map(({ name, number: right, wide }, index) => (
              <th key={index} scope="col" class={cellClass(right, wide)}>
                {name || <span class="unseen">{label}</span>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody ref={body}>
          <Spacer rows={first} columns={columns.length} />
          {rows.slice(first, last).map((row) => (
            <tr key={rowKey(row)}>
              {columns.map(({ cell, number: right, wide }, index) => (
                <td key={index} class={cellClass(right, wide)}>
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
          <Spacer rows={rows.length - last} columns={columns.length} />
        </tbody>
      </table>
    </div>
  );
}

const cellClass = (right = false, wide = false): string => `${right ? "number" : ""} ${wide ? "wide" : ""}`.trim();

function Spacer({ rows, columns }: { readonly rows: number; readonly columns: number }) {
  if (rows <= 0) return null;
  return (
    <tr aria-hidden="true">
      <td colSpan={columns} style={{ height: `${rows * ROW_PX}px`, padding: "0" }} />
    </tr>
  );
}

/** Which rows to draw: those in view and some around them. */
function useRowsInView(
  body: { readonly current: HTMLElement | null },
  count: number,
  onEnd: (() => void) | undefined,
): readonly [number, number] {
  const [view, setView] = useState<readonly [number, number]>([0, DRAW_ALL_BELOW]);
  useLayoutEffect(() => {
    const look = () => {
      const element = body.current;
      if (!element) return;
      const { top, bottom } = element.getBoundingClientRect();
      if (bottom < window.innerHeight * 2) onEnd?.();
      if (count <= DRAW_ALL_BELOW) return;
      const first = Math.max(Math.floor(-top / ROW_PX) - BEYOND_VIEW, 0);
      const last = Math.ceil((window.innerHeight - top) / ROW_PX) + BEYOND_VIEW;
      setView((old) => (old[0] === first && old[1] === last ? old : [first, last]));
    };
    look();
    window.addEventListener("scroll", look, { passive: true });
    window.addEventListener("resize", look);
    return () => {
      window.removeEventListener("scroll", look);
      window.removeEventListener("resize", look);
    };
  }, [count, onEnd]);
  if (count <= DRAW_ALL_BELOW) return [0, count];
  return [Math.min(view[0], count), Math.min(view[1], count)];
}

/**
 * Rows that keep their place while somebody reads. Values of shown rows change at once, rows that have gone stay, and
 * rows of a next page come at the end. Rows that are new above or between them wait until `showWaiting`.
 */
export function useSteadyRows<Row>(
  newest: readonly Row[],
  rowKey: (row: Row) => string,
  /** Changes when the reader asks for something else, such as another filter: then all rows are shown at once. */
  question: string,
  /** There are rows after the newest that were not read. */
  hasMore: boolean,
): SteadyRows<Row> & { readonly showWaiting: () => void } {
  const shown = useRef({ question, rows: newest });
  const [, draw] = useState({});
  if (shown.current.question !== question || shown.current.rows.length === 0)
    shown.current = { question, rows: newest };
  const steady = useMemo(
    () => steadyRows(shown.current.rows, newest, rowKey, hasMore),
    [shown.current, newest, hasMore],
  );
  shown.current.rows = steady.rows;
  return {
    ...steady,
    showWaiting: () => {
      shown.current = { question, rows: newest };
      draw({});
    },
  };
}

interface SteadyRows<Row> {
  readonly rows: readonly Row[];
  /** Infinity: more than were read. */
  readonly waiting: number;
}

/** The rule of `useSteadyRows`, for what is shown and what is new. */
export function steadyRows<Row>(
  shown: readonly Row[],
  newest: readonly Row[],
  rowKey: (row: Row) => string,
  hasMore: boolean,
): SteadyRows<Row> {
  const known = new Set(shown.map(rowKey));
  const current = new Map(newest.map((row) => [rowKey(row), row]));
  const end = newest.findLastIndex((row) => known.has(rowKey(row))) + 1;
  const appended = end === 0 ? [] : newest.slice(end);
  const waiting = newest.filter((row) => !known.has(rowKey(row))).length - appended.length;
  return {
    rows: [...shown.map((row) => current.get(rowKey(row)) ?? row), ...appended],
    waiting: end === 0 && waiting > 0 && hasMore ? Number.POSITIVE_INFINITY : waiting,
  };
}
