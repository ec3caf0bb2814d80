import { printable } from "../process/printable.js";
import { heading, type Paint } from "./colour.js";
import { fitted, textWidth } from "./text-width.js";

/** A column of a table, as data. */
export interface Column<T> {
  readonly header: string;
  readonly value: (row: T) => string;
  /** The column may be cut to this width. Absent: it is never cut. */
  readonly min?: number;
  /** Other columns are left out until this column has this width. Absent: `min`. */
  readonly wanted?: number;
  /** Only in `-o wide`, or only in `-o table`. Absent: in both. */
  readonly only?: "wide" | "table";
  /** The column may be left out of a table that is too wide. The highest number goes first. */
  readonly drop?: number;
  readonly align?: "right";
  readonly colour?: (value: string) => Paint | undefined;
}

export interface TableStyle {
  /** Columns of the terminal. Infinity for a pipe. */
  readonly width: number;
  readonly wide: boolean;
  readonly colour: boolean;
}

interface Measured<T> {
  readonly column: Column<T>;
  readonly cells: readonly string[];
  /** Widest cell. */
  readonly natural: number;
  width: number;
}

const GAP = 2;

/**
 * The lines of a table with headers, fitted to the width: first columns are left out, then cells are cut. A table of
 * columns that may be neither may still be wider. Cells are made printable here. A column without any text is left out.
 */
export function tableLines<T>(columns: readonly Column<T>[], rows: readonly T[], style: TableStyle): string[] {
  const unwanted = style.wide ? "table" : "wide";
  const measured = columns
    .filter(({ only }) => only !== unwanted)
    .map((column) => measure(column, rows))
    .filter(({ cells }) => cells.some((cell) => cell !== ""));
  const shown = fit(measured, style.width);
  const paintIf = (paint: Paint | undefined, text: string) => (style.colour && paint ? paint(text) : text);
  const line = (
    cell: (column: Measured<T>) => { readonly text: string; readonly paint: Paint | undefined },
  ): string => {
    const parts = shown.map((each, i) => {
      const { text, paint } = cell(each);
      const whole = fitted(text, each.width, each.column.align);
      return paintIf(paint, i === shown.length - 1 ? whole.trimEnd() : whole);
    });
    return parts.join(" ".repeat(GAP)).trimEnd();
  };
  return [
    line(({ column }) => ({ text: column.header, paint: heading })),
    ...rows.map((_, i) =>
      line(({ column, cells }) => {
        const text = cells[i] ?? "";
        return { text, paint: column.colour?.(text) };
      }),
    ),
  ];
}

function measure<T>(column: Column<T>, rows: readonly T[]): Measured<T> {
  const cells = rows.map((row) => printable(column.value(row)));
  const natural = Math.max(textWidth(column.header), ...cells.map(textWidth));
  return { column, cells, natural, width: natural };
}

function fit<T>(columns: readonly Measured<T>[], width: number): readonly Measured<T>[] {
  let shown = columns;
  const atLeast = ({ column, natural }: Measured<T>, floor = natural) =>
    Math.min(natural, Math.max(floor, textWidth(column.header)));
  const least = (each: Measured<T>) => atLeast(each, each.column.min);
  const wanted = (each: Measured<T>) => atLeast(each, each.column.wanted ?? each.column.min);
  const sum = (each: (column: Measured<T>) => number) =>
    shown.reduce((total, column) => total + each(column), GAP * (shown.length - 1));
  while (sum(wanted) > width) {
    const first = shown.toSorted((a, b) => (b.column.drop ?? 0) - (a.column.drop ?? 0))[0];
    if (first?.column.drop === undefined) break;
    shown = shown.filter((column) => column !== first);
  }
  for (let over = sum((column) => column.width) - width; over > 0; over -= 1) {
    const [widest] = shown.filter((column) => column.width > least(column)).toSorted((a, b) => b.width - a.width);
    if (widest === undefined) break;
    widest.width -= 1;
  }
  return shown;
}
