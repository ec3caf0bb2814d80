import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

/** At most 100 characters, none of them cut in half. */
const START = /^.{0,100}/su;
/** White space and control characters, but not a space between words: most texts need no replacement. */
const NOT_ONE_SPACE = /(?:[^\S ]|\p{Cc})[\s\p{Cc}]*| [\s\p{Cc}]+/gu;
/** The field `prompt` of `TaskSpec`. It is the first field of the stored prompts. */
const PROMPT_FIELD = 1;

/**
 * The beginning of the prompt on one line, at most 100 characters. `start` is the beginning of the stored prompts (see
 * `storeSpec`). Empty when it does not begin with a prompt.
 */
export function promptSnippet(start: Uint8Array | undefined): string {
  const prompt = start === undefined ? undefined : promptStart(start);
  if (prompt === undefined) return "";
  // `toString`, because a TextDecoder takes ten times as long, and a list has many of these.
  const text = Buffer.from(prompt.buffer, prompt.byteOffset, wholeCharacters(prompt)).toString();
  return START.exec(text.replaceAll(NOT_ONE_SPACE, " ").trim())?.[0] ?? "";
}

/** How many of these bytes of UTF-8 are whole characters: the cut may have left half a one at the end. */
function wholeCharacters(bytes: Uint8Array): number {
  let start = bytes.length - 1;
  // A character has at most four bytes, and all but its first have the bits 10 in front.
  while (start > bytes.length - 4 && start > 0 && ((bytes[start] ?? 0) & 0xc0) === 0x80) start -= 1;
  const first = bytes[start] ?? 0;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
  return start + length > bytes.length ? start : bytes.length;
}

function promptStart(start: Uint8Array): Uint8Array | undefined {
  const reader = new BinaryReader(start);
  try {
    const [field, type] = reader.tag();
    if (field !== PROMPT_FIELD || type !== WireType.LengthDelimited) return undefined;
    const length = reader.uint32();
    return start.subarray(reader.pos, reader.pos + length);
  } catch {
    return undefined;
  }
}
