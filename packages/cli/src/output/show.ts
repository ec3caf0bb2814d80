import { type Io, note, say, sayFormatted, sayJson, writeText } from "../process/io.js";
import { mayColour } from "./colour.js";
import { formatOf, isForPrograms, type OutputOptions } from "./format.js";
import type { Column } from "./table.js";
import { zonedTime } from "./words.js";

/** How a command shows one thing in each format. */
export interface Shown {
  /** For programs: JSON and YAML. It may be a promise. */
  readonly json: () => unknown;
  /** For people. The text may come from others: it is made printable here. */
  readonly lines?: () => readonly string[];
  /** For people, in place of `lines`: writes by itself what it has made printable, such as tables. */
  readonly write?: () => Promise<void>;
  /** For `-o name`. */
  readonly name?: string;
}

/** Shows one thing in the format that the options ask for. */
export async function showOne(io: Io, options: OutputOptions, shown: Shown): Promise<void> {
  const { json, lines = () => [], write, name } = shown;
  const format = formatOf(options);
  if (format === "json") sayJson(io, await json());
  else if (format === "yaml") await sayYaml(io, await json());
  else if (format === "name" && name !== undefined) say(io, name);
  else if (write) await write();
  else for (const line of lines()) say(io, line);
}

// Moves the cursor to the corner and clears the screen.
const CLEAR = "\u001b[H\u001b[J";

/** Comes before what `--watch` shows once more: on a terminal in the place of the last one, else with the time. */
export function sayAgain(io: Io, options: OutputOptions): void {
  if (!isForPrograms(options)) sayFormatted(io, io.stdout.isTTY === true ? CLEAR : `\n${zonedTime(new Date())}`);
}

/** How a command shows a list in each format. */
export interface ShownList<T> {
  readonly rows: AsyncIterable<T> | Iterable<T>;
  readonly json: (row: T) => unknown;
  readonly name: (row: T) => string;
  readonly columns: readonly Column<T>[];
  /** Most rows to show. A line says when there are more. */
  readonly limit?: number;
  /** Told to people, on standard error, when there is no row: it says what to do next. */
  readonly empty: string;
}

/**
 * Shows a list in the format that the options ask for. JSON has one document a line; YAML documents begin with `---`. A
 * slow reader slows the list down.
 */
export async function showList<T>(io: Io, options: OutputOptions, list: ShownList<T>): Promise<void> {
  const { rows, json, name, limit = Number.POSITIVE_INFINITY } = list;
  const format = formatOf(options);
  const kept: T[] = [];
  let [shown, more] = [0, false];
  for await (const row of rows) {
    if (shown >= limit) {
      more = true;
      break;
    }
    shown += 1;
    if (format === "json") sayJson(io, await json(row));
    else if (format === "yaml") await sayYaml(io, await json(row));
    else if (format === "name") say(io, name(row));
    else kept.push(row);
    if (io.stdout.writableNeedDrain) await writeText(io, "");
  }
  if (format !== "table" && format !== "wide") return;
  if (shown === 0) return note(io, list.empty);
  await sayTable(io, options, list.columns, kept);
  if (more) note(io, "there are more: --limit or --all shows them");
}

/** Prints a table, which is nothing when there are no rows. */
export async function sayTable<T>(
  io: Io,
  options: OutputOptions,
  columns: readonly Column<T>[],
  rows: readonly T[],
): Promise<void> {
  if (rows.length === 0) return;
  // Loaded here, because most commands show no table.
  const [{ tableLines }, { widthOf }] = await Promise.all([import("./table.js"), import("./text-width.js")]);
  const width = widthOf(io.stdout) ?? Number.POSITIVE_INFINITY;
  const style = { width, wide: formatOf(options) === "wide", colour: mayColour(io) };
  for (const line of tableLines(columns, rows, style)) sayFormatted(io, line);
}

async function sayYaml(io: Io, value: unknown): Promise<void> {
  const { yamlDocument } = await import("./yaml.js");
  io.stdout.write(yamlDocument(value));
}
