import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { isWrapperDesc } from "@bufbuild/protobuf/wkt";
import { enumNames, messageNamed } from "./descriptor.js";
import { isLong, type Json } from "./json.js";

export interface SchemaOptions {
  /** The name of a schema. Default: the full name of its message. */
  readonly nameOf?: (typeName: string) => string;
  /** Where references find the schemas. Default: `#/$defs/`. */
  readonly under?: string;
  /** The schemas are for what `fromJson` reads: every field may be absent, and no other field may be there. */
  readonly input?: boolean;
  /** The schemas are for what a service of this version writes: one type for each number, and words for an enum. */
  readonly strict?: boolean;
}

/**
 * JSON Schemas (draft 2020-12) of the JSON form of these messages and of all messages in them, by their full
 * names, such as `ccsp.task.v1.Task`. Made from the descriptor, so they follow the protos. Buf has a plugin that makes
 * schemas, but it describes the form of proto3 and not that of `toJson`.
 *
 * A schema allows more fields than it names, because a newer CCSP may send them. Unless it is strict, it also allows
 * numbers for enums, and the texts that stand for numbers that JSON or a double cannot hold.
 */
export function messageSchemas(typeNames: readonly string[], options: SchemaOptions = {}): Record<string, Json> {
  const { nameOf = (name) => name } = options;
  const found = new Map<string, DescMessage>();
  const collect = (type: DescMessage): void => {
    if (found.has(type.typeName) || isWrapperDesc(type) || type.typeName in WELL_KNOWN) return;
    found.set(type.typeName, type);
    for (const { message } of type.fields) if (message) collect(message);
  };
  for (const name of typeNames) collect(messageNamed(name));
  const sorted = [...found].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(sorted.map(([name, type]) => [nameOf(name), messageSchema(type, options)]));
}

function messageSchema(type: DescMessage, options: SchemaOptions): Json {
  const required = type.fields.filter(isAlwaysThere).map(({ jsonName }) => jsonName);
  return {
    type: "object",
    properties: Object.fromEntries(type.fields.map((field) => [field.jsonName, fieldSchema(field, options)])),
    ...(options.input ? { additionalProperties: false } : required.length > 0 && { required }),
  };
}

const isAlwaysThere = (field: DescField): boolean =>
  field.oneof === undefined &&
  (field.fieldKind === "list" ||
    field.fieldKind === "map" ||
    (field.fieldKind !== "message" && !field.proto.proto3Optional));

/** The schema of one field, whose message is among the schemas of the same options. */
export function fieldSchema(field: DescField, options: SchemaOptions = {}): Json {
  if (field.fieldKind === "list") return { type: "array", items: itemSchema(field, options) };
  if (field.fieldKind === "map") return { type: "object", additionalProperties: itemSchema(field, options) };
  return itemSchema(field, options);
}

function itemSchema(field: DescField, options: SchemaOptions): Json {
  if (field.enum) {
    const words = [...enumNames(field.enum).values()];
    return options.strict ? { type: "string", enum: words } : { anyOf: [{ enum: words }, { type: "integer" }] };
  }
  if (field.message) return valueSchema(field.message, options);
  return field.scalar === undefined ? {} : scalarSchema(field.scalar, options);
}

function valueSchema(type: DescMessage, options: SchemaOptions): Json {
  const { nameOf = (name) => name, under = "#/$defs/" } = options;
  const [wrapped] = isWrapperDesc(type) ? type.fields : [];
  if (wrapped?.scalar !== undefined) return scalarSchema(wrapped.scalar, options);
  return WELL_KNOWN[type.typeName] ?? { $ref: `${under}${nameOf(type.typeName)}` };
}

function scalarSchema(scalar: ScalarType, { strict = false }: SchemaOptions): Json {
  if (isLong(scalar))
    return strict ? { type: "integer", format: "int64" } : { type: ["integer", "string"], pattern: "^-?[0-9]+$" };
  if (strict && SCALARS.get(scalar) === ANY_DOUBLE) return { type: "number" };
  return SCALARS.get(scalar) ?? { type: "integer" };
}

const ANY_DOUBLE: Json = { anyOf: [{ type: "number" }, { enum: ["NaN", "Infinity", "-Infinity"] }] };
/** The scalars that are not integers. */
const SCALARS: ReadonlyMap<ScalarType, Json> = new Map([
  [ScalarType.BOOL, { type: "boolean" }],
  [ScalarType.STRING, { type: "string" }],
  [ScalarType.BYTES, { type: "string", contentEncoding: "base64" }],
  [ScalarType.DOUBLE, ANY_DOUBLE],
  [ScalarType.FLOAT, ANY_DOUBLE],
]);

const WELL_KNOWN: Readonly<Record<string, Json>> = {
  "google.protobuf.Timestamp": { type: "string", format: "date-time" },
  "google.protobuf.Duration": { type: "string", pattern: "^-?[0-9]+(\\.[0-9]{1,9})?s$" },
};
