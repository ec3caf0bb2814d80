/** Names of a part of a message, as OpenCode gives them. */
export interface PartIds {
  readonly part: string | undefined;
  readonly message: string | undefined;
}

/** Puts together what comes in pieces and, once more, as a whole. */
export interface Answer {
  /** Takes a piece of a part; answers what is new of it. */
  add(ids: PartIds, piece: string): string;
  /** Takes a whole part; answers what had not come in pieces. */
  complete(ids: PartIds, whole: string): string;
  /** Text of the last message that had some. */
  text(): string;
}

/**
 * Lines of the CLI and of the relay are not in order with each other: pieces may come after their whole. When a connection breaks,
 * OpenCode asks again and begins a new part, whose beginning may have come before: that is not told twice.
 */
export function createAnswer(): Answer {
  const completed = new Set<string | undefined>();
  let message: string | undefined;
  /** Complete parts of `message`. */
  let whole: string[] = [];
  let current: string | undefined;
  let pieces: string[] = [];
  /** How much of the current part was told. */
  let told = 0;
  /** What was told of a part that was broken off, while the new one may still repeat it. */
  let before = "";

  function turnTo(ids: PartIds): void {
    if (ids.message !== message) whole = [];
    message = ids.message;
    if (ids.part === current) return;
    // Nothing is left of a part that was completed.
    before = pieces.join("").slice(0, told) || before;
    current = ids.part;
    pieces = [];
    told = 0;
  }

  /** What of the current part is news. */
  function news(text: string): string {
    if (before === "") return text.slice(told);
    if (before.startsWith(text)) return "";
    return text.startsWith(before) ? text.slice(before.length) : text;
  }

  return {
    add(ids, piece) {
      if (completed.has(ids.part)) return "";
      turnTo(ids);
      pieces.push(piece);
      if (before === "") {
        told += piece.length;
        return piece;
      }
      const text = pieces.join("");
      const fresh = news(text);
      if (fresh !== "") {
        before = "";
        told = text.length;
      }
      return fresh;
    },
    complete(ids, text) {
      turnTo(ids);
      const fresh = news(text);
      completed.add(ids.part);
      whole.push(text);
      before = "";
      pieces = [];
      told = 0;
      current = undefined;
      return fresh;
    },
    text: () => whole.join(""),
  };
}
