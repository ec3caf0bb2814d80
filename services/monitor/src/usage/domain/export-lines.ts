export type ExportFormat = "csv" | "json-lines";

/** The line that names the columns: only CSV has one. */
export const headOf = (columns: readonly string[], format: ExportFormat): string =>
  format === "csv" ? `${columns.join(",")}\r\n` : "";

/** One line. A value that is not known is empty in CSV, and null in JSON. */
export function lineOf(
  columns: readonly string[],
  values: readonly (string | number | undefined)[],
  format: ExportFormat,
): string {
  if (format === "csv") return `${values.map((value) => csvText(String(value ?? ""))).join(",")}\r\n`;
  return `${JSON.stringify(Object.fromEntries(columns.map((name, at) => [name, values[at] ?? null])))}\n`;
}

/** A spreadsheet runs a text that begins with one of these as a formula, and agents choose some of the texts. */
const FORMULA = /^[=+\-@\t\r]/;

function csvText(text: string): string {
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
