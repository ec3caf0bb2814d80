const LINE_BYTES = 64;

/**
 * Returns the text of a huge answer: exactly `bytes` bytes of UTF-8. It has numbered lines with characters of one,
 * three and four bytes. The same size always gives the same text, so a test can compare the text that arrived.
 */
export function hugeText(bytes: number): string {
  return [...hugePieces(bytes, bytes)].join("");
}

/** Yields `hugeText` in pieces of about `pieceBytes`. Each piece is made when it is needed. */
export function* hugePieces(bytes: number, pieceBytes: number): Generator<string> {
  let piece: string[] = [];
  const lines = Math.floor(bytes / LINE_BYTES);
  for (let line = 0; line < lines; line++) {
    piece.push(`${String(line).padStart(8, "0")} 日本語の文字列 🙂 abcdefghijklmnopqrstuvwxyz.\n`);
    if (piece.length * LINE_BYTES >= pieceBytes) {
      yield piece.join("");
      piece = [];
    }
  }
  const rest = piece.join("") + ".".repeat(bytes % LINE_BYTES);
  if (rest !== "") yield rest;
}

/** Cuts the text after each word. It keeps the spaces and never cuts inside a character. */
export function words(text: string): string[] {
  return text.match(/\s*\S+\s*$|\s*\S+|\s+/gu) ?? [];
}

/**
 * Cuts the text into pieces of at most `length` UTF-16 units. A piece may be one unit longer: it is never cut inside a
 * character.
 */
export function* pieces(text: string, length: number): Generator<string> {
  let start = 0;
  while (start < text.length) {
    let end = Math.min(start + length, text.length);
    const last = text.charCodeAt(end - 1);
    if (end < text.length && last >= 0xd800 && last <= 0xdbff) end += 1;
    yield text.slice(start, end);
    start = end;
  }
}
