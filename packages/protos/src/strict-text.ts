import { isUtf8 } from "node:buffer";
import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { methodNamed } from "./descriptor.js";

/**
 * Give it to a generated `decode` in place of the bytes. It throws for text that is not UTF-8, as the specification of
 * Protobuf wants it. A plain reader puts U+FFFD in its place, so that what is stored is not what was sent.
 */
export class StrictReader extends BinaryReader {
  override string(): string {
    return super.string(true);
  }
}

/**
 * The path of the first field in a request whose text is not UTF-8, such as `tasks[3].spec.prompt`. Undefined if all
 * text is UTF-8, and if the bytes are not a message.
 *
 * @param path The RPC, such as `/ccsp.queue.v1.QueueService/Enqueue`.
 */
export function fieldNotUtf8(path: string, request: Uint8Array): string | undefined {
  try {
    return findNotUtf8(methodNamed(path).input, request);
  } catch {
    return undefined;
  }
}

function findNotUtf8(type: DescMessage, bytes: Uint8Array): string | undefined {
  const reader = new BinaryReader(bytes);
  const seen = new Map<DescField, number>();
  while (reader.pos < bytes.length) {
    const [number, wireType] = reader.tag();
    const field = type.fields.find((each) => each.number === number);
    if (!field || wireType !== WireType.LengthDelimited) {
      reader.skip(wireType, number);
      continue;
    }
    const value = reader.bytes();
    const index = seen.get(field) ?? 0;
    seen.set(field, index + 1);
    const at = field.fieldKind === "list" ? `${field.name}[${index}]` : field.name;
    if (field.message && field.fieldKind !== "map") {
      const below = findNotUtf8(field.message, value);
      if (below !== undefined) return `${at}.${below}`;
    } else if (holdsBadText(field, value)) return at;
  }
  return undefined;
}

function holdsBadText(field: DescField, value: Uint8Array): boolean {
  if (field.fieldKind !== "map") return field.scalar === ScalarType.STRING && !isUtf8(value);
  // An entry of a map is a message with the key (1) and the value (2). All maps of CCSP have texts or numbers.
  const reader = new BinaryReader(value);
  while (reader.pos < value.length) {
    const [number, wireType] = reader.tag();
    const kind = number === 1 ? field.mapKey : field.scalar;
    if (wireType !== WireType.LengthDelimited || kind !== ScalarType.STRING) reader.skip(wireType, number);
    else if (!isUtf8(reader.bytes())) return true;
  }
  return false;
}
