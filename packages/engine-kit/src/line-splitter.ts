const NEWLINE = 0x0a;

/** The engine printed a line that is longer than the limit. */
export class LineTooLong extends Error {}

/** Cuts a stream of bytes into lines without their line ends, wherever the chunks of the stream were cut. */
export interface LineSplitter {
  /** The lines that `chunk` completes. Throws LineTooLong. */
  push(chunk: Buffer): Generator<Buffer>;
  /** What came after the last line end. Empty when nothing did. */
  rest(): Buffer;
}

/** Holds at most `maxBytes` of an unfinished line. */
export function createLineSplitter(maxBytes: number): LineSplitter {
  let parts: Buffer[] = [];
  let bytes = 0;

  const keep = (part: Buffer) => {
    bytes += part.length;
    if (bytes > maxBytes) throw new LineTooLong(`a line is longer than ${maxBytes} bytes`);
    parts.push(part);
  };
  const take = (): Buffer => {
    const line = Buffer.concat(parts, bytes);
    parts = [];
    bytes = 0;
    return line;
  };

  return {
    *push(chunk) {
      let from = 0;
      for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
        keep(chunk.subarray(from, end));
        from = end + 1;
        yield take();
      }
      if (from < chunk.length) keep(chunk.subarray(from));
    },
    rest: take,
  };
}
