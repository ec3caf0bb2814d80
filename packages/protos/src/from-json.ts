import { type DescEnum, type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { isWrapperDesc } from "@bufbuild/protobuf/wkt";
import { enumNames, messageNamed } from "./descriptor.js";
import { durationFrom } from "./duration.js";
import { isLong } from "./json.js";

export interface JsonFieldFault {
  /** Path of the field as the protos name it, such as `spec.limits.turns` or `tasks[3].spec`. */
  readonly field: string;
  readonly description: string;
}

/** Everything that is wrong with a JSON value, by field. The list is bounded. */
export class JsonFault extends Error {
  override readonly name = "JsonFault";
  readonly fields: readonly JsonFieldFault[];

  constructor(fields: readonly JsonFieldFault[]) {
    super(fields.map(({ field, description }) => `${field} ${description}`.trim()).join("; "));
    this.fields = fields;
  }
}

/** A request with more faults than this is not about the right message at all. */
const MOST_FAULTS = 20;
/** A name in a fault is cut to this many characters. */
const MOST_NAME = 100;

/**
 * Reads the JSON form of a message, as `toJson` writes it, or the standard form of proto3: names of fields as in the
 * protos (`request_id`), names of enums with their prefix, 64-bit integers as texts. Returns the generated message with
 * all fields. Throws a JsonFault for a field that the message does not have, and for a value that does not fit.
 *
 * @param typeName Full name of the message's type, such as `ccsp.task.v1.Task`.
 */
export const fromJson = (typeName: string, json: unknown): object => read(typeName, json, undefined);

/**
 * Called for each value that `fromStoredJson` left out. `field` is as in JsonFieldFault. `value` is a value of an enum
 * that this version does not know, because a newer writer sent it, or it says what is wrong with the value, as in
 * JsonFieldFault.
 */
export type TellUnknown = (field: string, value: string) => void;

/**
 * Reads the JSON that `toStoredJson` wrote, also that of the previous and of the next release, and what `fromJson`
 * reads. It refuses nothing, so that one field never costs the whole message: a value that does not fit is as absent,
 * and a field that this version does not know is skipped. An unknown value of an enum becomes -1, `UNRECOGNIZED`. A text
 * may have half of a surrogate pair, because programs cut texts. A time may have any form that a Date takes, as years
 * outside of 0 to 9999 need.
 */
export const fromStoredJson = (typeName: string, json: unknown, tell: TellUnknown = () => {}): object =>
  read(typeName, json, tell);

function read(typeName: string, json: unknown, tell: TellUnknown | undefined): object {
  const reader = new Reader(tell);
  const type = messageNamed(typeName);
  const message = reader.message(type, json, "");
  if (reader.faults.length > 0) throw new JsonFault(reader.faults);
  return message ?? empty(type);
}

class Reader {
  readonly faults: JsonFieldFault[] = [];
  /** Given for stored JSON, which another release may have written. */
  readonly #tell: TellUnknown | undefined;

  constructor(tell: TellUnknown | undefined) {
    this.#tell = tell;
  }

  message(type: DescMessage, json: unknown, path: string): object | undefined {
    if (!isObject(json)) return this.#fault(path === "" ? "the body" : path, "is not a JSON object");
    const message = empty(type);
    const known = fieldsOf(type);
    const seen = new Set<DescField>();
    for (const [name, value] of Object.entries(json)) {
      const field = known.get(name);
      const at = join(path, field?.name ?? name.slice(0, MOST_NAME));
      if (!field && this.#tell) continue;
      if (!field) this.#fault(at, `is not a field of ${type.name}`);
      else if (seen.has(field)) this.#fault(at, "is there twice");
      else if (value !== null) this.#set(message, field, value, at);
      if (field) seen.add(field);
      if (this.#isEnough) break;
    }
    return message;
  }

  #set(message: Record<string, unknown>, field: DescField, json: unknown, path: string): void {
    const value = this.#field(field, json, path);
    const { oneof } = field;
    if (value === undefined) return;
    if (!oneof) {
      message[field.localName] = value;
    } else if (message[oneof.localName] === undefined) {
      message[oneof.localName] = { $case: field.localName, value };
    } else {
      this.#fault(path, `cannot be there together with another of ${oneof.fields.map(({ name }) => name).join(", ")}`);
    }
  }

  #field(field: DescField, json: unknown, path: string): unknown {
    if (field.fieldKind === "list") {
      if (!Array.isArray(json)) return this.#fault(path, "is not a JSON list");
      const items: unknown[] = [];
      for (const [at, item] of json.entries()) {
        const value = this.#item(field, item, `${path}[${at}]`);
        if (value !== undefined) items.push(value);
        if (this.#isEnough) break;
      }
      return items;
    }
    if (field.fieldKind === "map") {
      if (!isObject(json)) return this.#fault(path, "is not a JSON object");
      const items: [string, unknown][] = [];
      for (const [key, item] of Object.entries(json)) {
        this.#text(key, path);
        const value = this.#item(field, item, `${path}[${JSON.stringify(key.slice(0, MOST_NAME))}]`);
        if (value !== undefined) items.push([key, value]);
        if (this.#isEnough) break;
      }
      return Object.fromEntries(items);
    }
    return this.#item(field, json, path);
  }

  #item(field: DescField, json: unknown, path: string): unknown {
    if (field.enum) return this.#enum(field.enum, json, path);
    if (field.message) {
      const [wrapped] = isWrapperDesc(field.message) ? field.message.fields : [];
      if (wrapped?.scalar !== undefined) return this.#scalar(wrapped.scalar, json, path);
      const { typeName } = field.message;
      if (typeName === "google.protobuf.Timestamp") return this.#time(json, path);
      if (typeName === "google.protobuf.Duration" && !(this.#tell && isObject(json))) return this.#duration(json, path);
      return this.message(field.message, json, path);
    }
    return field.scalar === undefined ? undefined : this.#scalar(field.scalar, json, path);
  }

  #enum(type: DescEnum, json: unknown, path: string): number | undefined {
    if (typeof json === "number" && isInt32(json) && (!this.#tell || type.value[json])) return json;
    const found = numbersOf(type).get(json);
    if (found !== undefined) return found;
    if (this.#tell) {
      this.#tell(path, typeof json === "string" ? json : JSON.stringify(json));
      return UNRECOGNIZED;
    }
    return this.#fault(path, `must be one of ${[...enumNames(type).values()].join(", ")}`);
  }

  #scalar(scalar: ScalarType, json: unknown, path: string): unknown {
    if (isLong(scalar)) return this.#long(scalar, json, path);
    if (scalar === ScalarType.BOOL) return typeof json === "boolean" ? json : this.#fault(path, "is not true or false");
    if (scalar === ScalarType.STRING) return this.#text(json, path);
    if (scalar === ScalarType.BYTES) return this.#bytes(json, path);
    if (scalar === ScalarType.DOUBLE || scalar === ScalarType.FLOAT) {
      const number = DOUBLES.get(json) ?? numberOf(json);
      return number ?? this.#fault(path, "is not a number");
    }
    const [least, most] = scalar === ScalarType.UINT32 || scalar === ScalarType.FIXED32 ? UINT32 : INT32;
    const number = numberOf(json);
    const fits = number !== undefined && Number.isInteger(number) && number >= least && number <= most;
    return fits ? number : this.#fault(path, `is not a whole number from ${least} to ${most}`);
  }

  #long(scalar: ScalarType, json: unknown, path: string): bigint | undefined {
    const unsigned = scalar === ScalarType.UINT64 || scalar === ScalarType.FIXED64;
    const number = typeof json === "number" && Number.isSafeInteger(json) ? BigInt(json) : undefined;
    const value = typeof json === "string" && /^-?\d{1,20}$/.test(json) ? BigInt(json) : number;
    if (value !== undefined && value === (unsigned ? BigInt.asUintN(64, value) : BigInt.asIntN(64, value)))
      return value;
    const form = "larger ones than 2^53 as a text";
    return this.#fault(path, `is not a whole number of 64 bits, ${unsigned ? "0 or more, " : ""}${form}`);
  }

  #text(json: unknown, path: string): string | undefined {
    if (typeof json !== "string") return this.#fault(path, "is not a text");
    const isText = this.#tell !== undefined || !/\p{Surrogate}/u.test(json);
    return isText ? json : this.#fault(path, "has half of a surrogate pair, so it is not a text");
  }

  #bytes(json: unknown, path: string): Buffer | undefined {
    const text = typeof json === "string" ? json.replaceAll("-", "+").replaceAll("_", "/") : "!";
    if (/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return Buffer.from(text, "base64");
    return this.#fault(path, "is not base64");
  }

  #time(json: unknown, path: string): Date | undefined {
    const isForm = typeof json === "string" && (this.#tell !== undefined || RFC_3339.test(json));
    const time = new Date(isForm ? json : Number.NaN);
    if (!Number.isNaN(time.getTime())) return time;
    return this.#fault(path, "is not a time of RFC 3339, such as 2026-01-31T12:00:00Z");
  }

  #duration(json: unknown, path: string): object | undefined {
    const duration = typeof json === "string" ? durationFrom(json) : undefined;
    return duration ?? this.#fault(path, "is not a duration, such as 3.5s");
  }

  get #isEnough(): boolean {
    return this.faults.length >= MOST_FAULTS;
  }

  #fault(field: string, description: string): undefined {
    if (this.#tell) this.#tell(field, description);
    else if (!this.#isEnough) this.faults.push({ field, description });
  }
}

const join = (path: string, name: string): string => (path === "" ? name : `${path}.${name}`);

const isObject = (json: unknown): json is Readonly<Record<string, unknown>> =>
  typeof json === "object" && json !== null && !Array.isArray(json);

/** The fields of a message by both of their names. */
const fieldsOf = memo(
  ({ fields }: DescMessage): ReadonlyMap<string, DescField> =>
    new Map(fields.flatMap((field) => [[field.name, field] as const, [field.jsonName, field] as const])),
);

/** The values of an enum by both of their names. */
const numbersOf = memo(
  (type: DescEnum): ReadonlyMap<unknown, number> =>
    new Map([
      ...[...enumNames(type)].map(([number, name]) => [name, number] as const),
      ...type.values.map(({ name, number }) => [name, number] as const),
    ]),
);

function memo<Key extends object, Value>(make: (key: Key) => Value): (key: Key) => Value {
  const made = new WeakMap<Key, Value>();
  return (key) => {
    const found = made.get(key) ?? make(key);
    made.set(key, found);
    return found;
  };
}

/** The generated message without any field. */
function empty(type: DescMessage): Record<string, unknown> {
  const message: Record<string, unknown> = {};
  for (const member of type.members) message[member.localName] = member.kind === "field" ? absent(member) : undefined;
  return message;
}

/** What the generated code has for a field that is not there. */
function absent(field: DescField): unknown {
  if (field.fieldKind === "list") return [];
  if (field.fieldKind === "map") return {};
  if (field.fieldKind === "message" || field.proto.proto3Optional) return undefined;
  if (field.fieldKind === "enum") return 0;
  if (isLong(field.scalar)) return 0n;
  return ABSENT.get(field.scalar) ?? 0;
}

const ABSENT: ReadonlyMap<ScalarType, unknown> = new Map<ScalarType, unknown>([
  [ScalarType.STRING, ""],
  [ScalarType.BOOL, false],
  [ScalarType.BYTES, Buffer.alloc(0)],
]);

/** The value that each generated enum has for what it does not know. */
const UNRECOGNIZED = -1;

const INT32 = [-(2 ** 31), 2 ** 31 - 1] as const;
const UINT32 = [0, 2 ** 32 - 1] as const;
const isInt32 = (value: number): boolean => Number.isInteger(value) && value >= INT32[0] && value <= INT32[1];

const DOUBLES: ReadonlyMap<unknown, number> = new Map([
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["-Infinity", Number.NEGATIVE_INFINITY],
]);

/** A number, or a text with one, as proto3 allows both. */
function numberOf(json: unknown): number | undefined {
  if (typeof json === "number") return json;
  const isNumber = typeof json === "string" && json.length < 50 && /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(json);
  const value = isNumber ? Number(json) : Number.NaN;
  return Number.isFinite(value) ? value : undefined;
}

const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;
