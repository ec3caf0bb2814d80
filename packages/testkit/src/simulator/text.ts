const LINE_BYTES = 64;

/**
 * The text of a huge answer: exactly `bytes` bytes of UTF-8 in numbered lines with one-, three- and four-byte characters,
 * the same for the same size, so that a test can compare what arrived.
 */
export function hugeText(bytes: number): string {
  return [...hugePieces(bytes, bytes)].join("");
}

/** `hugeText` in pieces of about `pieceBytes`, made as they are taken. */
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

/** Text cut after each word, spaces kept, never inside a character. */
export function words(text: string): string[] {
  return text.match(/\s*\S+\s*$|\s*\S+|\s+/gu) ?? [];
}

/** Text in pieces of at most `length` UTF-16 units, never inside a character. */
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
