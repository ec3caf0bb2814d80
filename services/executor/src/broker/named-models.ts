import type { IncomingHttpHeaders } from "node:http";
import { Transform } from "node:stream";

/** Why a request may not go to the provider. */
export class RefusedBody extends Error {}

/** What has these keys, or that of a schema, is content. It names no model that answers. */
const CONTENT = new Set(["messages", "system", "metadata", "input_examples"]);
/** Of a text as it is written. A key or a name that is longer is no model's. */
const MOST_LENGTH = 1_024;
const PLAIN = /^[\w-]*$/;
const OF_TEXT = /["\\]/g;
const OF_STRUCTURE = /[{}[\]:,"]/g;

/** A provider may read such a body in another way than `namedModels` does. */
export const isOtherThanJson = ({
  "content-encoding": encoding,
  "content-type": type = "application/json",
}: IncomingHttpHeaders): boolean =>
  encoding !== undefined || !/^application\/json\s*(?:;\s*charset="?utf-8"?\s*)?$/i.test(type);

/**
 * Passes the body of a request on, unchanged and as it comes, and looks at each `model` that it names: its own, those of
 * its tools and those of its fallbacks. It fails with a `RefusedBody` before the piece that names another one, and at the
 * end if there was none. Providers differ in what they make of a key that is written twice, or in other letters: it looks
 * at each. It holds no more than a name: a parser of JSON would hold texts of any length.
 */
export function namedModels(mayAsk: (model: string) => boolean): Transform {
  let depth = 0;
  /** The depth of the content that is read now. */
  let content: number | undefined;
  /** The bytes of the text that is read now, as far as they count. Undefined: none is. */
  let text: string | undefined;
  let escaped = false;
  let last = "";
  let key = "";
  let named = false;

  const keep = (more: string): void => {
    if (content === undefined && text !== undefined && text.length <= MOST_LENGTH) text += more;
  };
  const endText = (): void => {
    last = text ?? "";
    text = undefined;
    if (key !== "model") return;
    named = true;
    if (!mayAsk(textOf(last))) throw new RefusedBody("a run may ask only the models of its task");
  };
  const open = (): void => {
    if (key === "model") throw new RefusedBody("the name of a model has to be a text");
    depth += 1;
    if (CONTENT.has(key) || key.endsWith("schema")) content = depth;
    key = "";
  };
  const close = (): void => {
    depth -= 1;
    if (content !== undefined && depth < content) content = undefined;
    key = "";
  };
  const structure = (mark: string | undefined): void => {
    if (mark === '"') text = "";
    else if (mark === ":") key = content === undefined ? textOf(last).toLowerCase() : "";
    else if (mark === ",") key = "";
    else if (mark === "{" || mark === "[") open();
    else if (mark === "}" || mark === "]") close();
  };
  /** Reads up to the next mark. Returns where to go on. */
  const read = (piece: string, from: number): number => {
    if (escaped) {
      escaped = false;
      keep(piece.slice(from, from + 1));
      return from + 1;
    }
    const at = next(text === undefined ? OF_STRUCTURE : OF_TEXT, piece, from);
    keep(piece.slice(from, at));
    const mark = piece[at];
    if (text === undefined) structure(mark);
    else if (mark === '"') endText();
    else if (mark === "\\") {
      keep(mark);
      escaped = true;
    }
    return at + 1;
  };
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      try {
        // As other encodings of text have it, which a provider may know too.
        if (chunk.includes(0)) throw new RefusedBody("a request has to be in UTF-8");
        const piece = chunk.toString("latin1");
        for (let at = 0; at < piece.length; ) at = read(piece, at);
        done(null, chunk);
      } catch (error) {
        done(error instanceof Error ? error : new Error(String(error)));
      }
    },
    flush(done) {
      done(named ? null : new RefusedBody("a request has to name its model"));
    },
  });
}

/** Where the next mark is. The end if there is none. */
function next(marks: RegExp, piece: string, from: number): number {
  marks.lastIndex = from;
  return marks.test(piece) ? marks.lastIndex - 1 : piece.length;
}

function textOf(bytes: string): string {
  if (bytes.length > MOST_LENGTH) return "";
  if (PLAIN.test(bytes)) return bytes;
  try {
    return String(JSON.parse(`"${Buffer.from(bytes, "latin1").toString()}"`));
  } catch {
    throw new RefusedBody("a request has to be JSON");
  }
}
