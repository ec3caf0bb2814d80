/** Open around a span: the answer, the list `data`, a trace, its list `spans`. */
const SPAN_DEPTH = 4;
const MOST_DEPTH = 64;

/**
 * Cuts the spans out of an answer of Jaeger while it arrives, so that a large trace is never in memory as a whole.
 * `push` takes the next piece of text and returns the spans that are complete. `rest` is the answer without its spans,
 * to be decoded at the end. Throws a SyntaxError when the text is nested more than an answer of Jaeger is.
 */
export function createSpanCutter() {
  /** What is not decided yet: a span that is open, or a string that may be the key of a list. */
  let text = "";
  let around = "";
  let depth = 0;
  let inString = false;
  let stringFrom = 0;
  let spanOpen = false;
  /** The last string in a trace outside its spans: `spans` right before their list. */
  let key = "";

  /** The index of the next sign that matters, from `from` on. */
  const next = (from: number): number => {
    const signs = inString ? /["\\]/g : /["{}[\]]/g;
    signs.lastIndex = from;
    return signs.exec(text)?.index ?? -1;
  };

  const openAt = (at: number): number => {
    depth += 1;
    if (depth > MOST_DEPTH) throw new SyntaxError("nested too deeply");
    if (text[at] !== "{" || depth !== SPAN_DEPTH + 1 || spanOpen || key !== "spans") return at;
    spanOpen = true;
    around += text.slice(0, at);
    text = text.slice(at);
    return 0;
  };

  const closeAt = (at: number, cut: string[]): number => {
    depth -= 1;
    if (!spanOpen || depth !== SPAN_DEPTH) return at;
    spanOpen = false;
    cut.push(text.slice(0, at + 1));
    around += "null";
    text = text.slice(at + 1);
    return -1;
  };

  const quoteAt = (at: number): void => {
    if (inString && depth === SPAN_DEPTH - 1) key = text.slice(stringFrom, at);
    inString = !inString;
    stringFrom = at + 1;
  };

  let seen = 0;
  return {
    push(piece: string): string[] {
      const cut: string[] = [];
      text += piece;
      for (let at = next(seen); at >= 0; at = next(seen)) {
        const sign = text[at] ?? "";
        if (sign === "\\") seen = at + 2;
        else {
          if (sign === '"') quoteAt(at);
          else if (sign === "{" || sign === "[") at = openAt(at);
          else at = closeAt(at, cut);
          seen = at + 1;
        }
      }
      seen = Math.max(seen, text.length);
      if (spanOpen || inString) return cut;
      around += text;
      // An escape may be cut between two pieces, but only in a string.
      [text, seen] = ["", 0];
      return cut;
    },
    rest: (): string => around + text,
  };
}
