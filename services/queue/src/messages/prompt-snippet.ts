import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

const MOST_CHARACTERS = 100;
/** The field `prompt` of `TaskSpec`. It is the first field of the stored prompts. */
const PROMPT_FIELD = 1;

/**
 * The beginning of the prompt on one line, at most 100 characters. `start` is the beginning of the stored prompts (see
 * `storeSpec`). Empty when it does not begin with a prompt.
 */
export function promptSnippet(start: Uint8Array | undefined): string {
  const prompt = start === undefined ? undefined : promptStart(start);
  if (prompt === undefined) return "";
  // A stream ends where it may: half a character at the cut is left out.
  const text = new TextDecoder().decode(prompt, { stream: true });
  const line = text.replaceAll(/[\s\p{Cc}]+/gu, " ").trim();
  return Array.from(line).slice(0, MOST_CHARACTERS).join("");
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
