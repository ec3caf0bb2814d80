/** A piece of a text. `code` is shown in monospace. */
export interface Piece {
  readonly text: string;
  readonly code: boolean;
}

/**
 * The words of code in a text, as Markdown marks them: between two runs of as many backticks in one paragraph. A run
 * without a partner is text. So is a single backtick beside a space, which Markdown would take: it is odd more often than
 * it marks something.
 */
export function codeSpans(text: string): readonly Piece[] {
  return text.split(/(?<=\n[ \t]*\n)/).flatMap(spansOfParagraph);
}

function spansOfParagraph(paragraph: string): readonly Piece[] {
  const runs = [...paragraph.matchAll(/`+/g)].map(({ 0: { length }, index }) => ({ index, length }));
  // From the end, so that a long text with many runs takes no longer than its length.
  const later = new Map<number, number>();
  const partners = new Map<number, number>();
  for (const [at, { length }] of [...runs.entries()].toReversed()) {
    const partner = later.get(length);
    if (partner !== undefined) partners.set(at, partner);
    later.set(length, at);
  }
  const pieces: Piece[] = [];
  let told = 0;
  for (let at = 0; at < runs.length; at += 1) {
    const [from, to] = [runs[at], runs[partners.get(at) ?? -1]];
    if (!from || !to || !isMarked(paragraph, from, to)) continue;
    pieces.push({ text: paragraph.slice(told, from.index), code: false });
    // A space keeps a backtick of the code apart from the mark.
    const code = paragraph.slice(from.index + from.length, to.index).replace(/^ (?=`)|(?<=`) $/g, "");
    pieces.push({ text: code, code: true });
    told = to.index + to.length;
    at = partners.get(at) ?? at;
  }
  pieces.push({ text: paragraph.slice(told), code: false });
  return pieces.filter((piece) => piece.text !== "");
}

interface Run {
  readonly index: number;
  readonly length: number;
}

const isMarked = (text: string, from: Run, to: Run): boolean =>
  from.length > 1 || !/^\s|\s$/.test(text.slice(from.index + 1, to.index));

/**
 * The blocks of code in a text, as Markdown marks them: from a line that begins with three backticks or more to a line
 * of as many or more. A block without an end goes on to the end of the text, as it does while an answer is written.
 */
export function codeBlocks(text: string): readonly Piece[] {
  const blocks: Piece[] = [];
  let lines: string[] = [];
  let fence: string | undefined;
  const finish = () => {
    if (lines.length > 0) blocks.push({ text: lines.join(""), code: fence !== undefined });
    lines = [];
  };
  for (const line of text.split(/(?<=\n)/)) {
    const [, mark, after = ""] = /^[ \t]*(`{3,}|~{3,})(.*)/.exec(line) ?? [];
    const begins = fence === undefined && mark !== undefined && !after.includes("`");
    const ends = fence !== undefined && mark?.startsWith(fence) === true && after.trim() === "";
    if (begins || ends) {
      finish();
      fence = begins ? mark : undefined;
    } else lines.push(line);
  }
  finish();
  return blocks;
}
