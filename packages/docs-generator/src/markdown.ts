/** One row of a table. A `|` inside a cell is escaped, also in code, as GitHub wants it. */
const row = (cells: readonly string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll(/\s+/g, " ")).join(" | ")} |`;

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [row(head), row(head.map(() => "---")), ...rows.map(row)].join("\n");
}

/**
 * Replaces what stands between `<!-- generated: NAME … -->` and `<!-- end of NAME -->`. Fails when a page has no such
 * part.
 */
export function fill(page: string, name: string, text: string): string {
  const part = new RegExp(`(<!-- generated: ${name}\\b[^>]*-->\n).*?(<!-- end of ${name} -->)`, "s");
  if (!part.test(page)) throw new Error(`the page has no part "generated: ${name}"`);
  return page.replace(part, (_, start: string, end: string) => `${start}\n${text.trim()}\n\n${end}`);
}

/** `docs/limits.md, "A heading"` and `docs/limits.md` as links from a page in docs. */
export function withLinks(text: string): string {
  return text
    .replaceAll(
      /docs\/([\w-]+\.md), "([^"]+)"/g,
      (_, page: string, heading: string) => `[${heading}](${page}#${anchorOf(heading)})`,
    )
    .replaceAll(/docs\/([\w-]+)\.md/g, "[$1]($1.md)");
}

/** The anchor that GitHub makes from a heading. */
export const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .replaceAll(" ", "-");

/** An item of a list. Its lines have at most 120 characters, if each word of it fits. */
export const listItem = (text: string): string => `- ${text.replaceAll(/(.{1,118})(?: |$)/g, "$1\n  ").trimEnd()}`;
