import { Transform } from "node:stream";

/** Why a request may not go to the provider. */
export class RefusedBody extends Error {}

const [QUOTE, COMMA, COLON, OPEN_LIST, BACKSLASH, CLOSE_LIST, OPEN, CLOSE] = Buffer.from('",:[\\]{}');
/** A request names models in itself, in its tools and in its fallbacks. What is deeper is content. */
const DEPTH = 3;
/** Of a text as it is written. A key or a name that is longer is no model's. */
const MOST_BYTES = 1_024;

/**
 * Passes the body of a request on, unchanged and as it comes, and looks at each model that it names. It fails with a
 * `RefusedBody` before the piece that names another one. It looks at names that are written twice too, because providers
 * differ in the one that they take. It holds no more than a name: a parser of JSON would hold texts of any length.
 */
export function namedModels(mayAsk: (model: string) => boolean): Transform {
  let depth = 0;
  /** The text that is read now. Undefined: none is. */
  let text: number[] | undefined;
  let escaped = false;
  let last = "";
  let key = "";

  const endText = (): void => {
    last = depth > DEPTH ? "" : textOf(text ?? []);
    text = undefined;
    if (key === "model" && !mayAsk(last)) throw new RefusedBody("a run may ask only the models of its task");
  };
  const inText = (byte: number, so: number[]): void => {
    if (byte === QUOTE && !escaped) return endText();
    if (depth <= DEPTH && so.length <= MOST_BYTES) so.push(byte);
    escaped = byte === BACKSLASH && !escaped;
  };
  const outside = (byte: number): void => {
    switch (byte) {
      case QUOTE:
        text = [];
        break;
      case COLON:
        key = last;
        break;
      case OPEN:
      case OPEN_LIST:
        depth += 1;
        key = "";
        break;
      case CLOSE:
      case CLOSE_LIST:
        depth -= 1;
        key = "";
        break;
      case COMMA:
        key = "";
    }
  };
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      try {
        for (const byte of chunk) {
          // As other encodings of text have it, which a provider may know too.
          if (byte === 0) throw new RefusedBody("a request has to be in UTF-8");
          if (text) inText(byte, text);
          else outside(byte);
        }
        done(null, chunk);
      } catch (error) {
        done(error instanceof Error ? error : new Error(String(error)));
      }
    },
  });
}

/** A text that is no JSON stays as it is: no provider takes it. */
function textOf(bytes: readonly number[]): string {
  const written = Buffer.from(bytes).toString();
  try {
    return String(JSON.parse(`"${written}"`));
  } catch {
    return written;
  }
}
