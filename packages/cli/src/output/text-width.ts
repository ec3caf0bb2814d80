import stringWidth from "string-width";

const GRAPHEMES = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** A terminal that does not say its width. */
const USUAL_COLUMNS = 80;

/** Columns of a terminal. Undefined for a pipe or a file, which has no limit. */
export const widthOf = (stream: { readonly isTTY?: boolean; readonly columns?: number }): number | undefined =>
  stream.isTTY === true ? stream.columns || USUAL_COLUMNS : undefined;

/** Columns that a text takes on a terminal: 2 for a Japanese character or an emoji, 0 for a combining mark. */
export const textWidth = (text: string): number => stringWidth(text);

/** The text in exactly `width` columns: cut with an ellipsis, or filled with spaces. A character is never halved. */
export function fitted(text: string, width: number, align: "left" | "right" = "left"): string {
  const shown = textWidth(text) <= width ? text : cut(text, width);
  const space = " ".repeat(Math.max(0, width - textWidth(shown)));
  return align === "left" ? shown + space : space + shown;
}

function cut(text: string, width: number): string {
  if (width < 1) return "";
  let [kept, used] = ["", 0];
  for (const { segment } of GRAPHEMES.segment(text)) {
    used += textWidth(segment);
    if (used > width - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}
