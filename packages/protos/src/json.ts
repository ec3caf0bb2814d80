import { type DescEnum, type DescField, type DescMessage, type DescOneof, ScalarType } from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence, isWrapperDesc } from "@bufbuild/protobuf/wkt";
import { enumNames, messageNamed } from "./descriptor.js";
import { durationSeconds } from "./duration.js";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/**
 * A generated message in the JSON form of CCSP. It is the JSON form of proto3 with three choices:
 *
 * - Zeros, empty texts and empty lists are present. An absent message or optional field is absent.
 * - A 64-bit integer is a number when a double holds it exactly, else a string.
 * - An enum is its name without the prefix of its type: `QUEUED`, not `TASK_STATE_QUEUED`. A value that this version
 *   does not know is its number.
 *
 * Times are RFC 3339 in UTC, durations are `3.5s`, bytes are base64. `@ccsp/protos/json-schema.js` describes this form.
 *
 * `toJson` of @bufbuild/protobuf has no option for the last two choices, and it takes only messages of its own kind. So
 * its result would need the same walk along the descriptor, after a message was encoded and decoded for it.
 *
 * @param typeName Full name of the message's type, such as `ccsp.task.v1.Task`.
 */
export const toJson = (typeName: string, message: object): Json =>
  messageWriter(messageNamed(typeName), SHOWN)(message);

/**
 * A generated message, or the part of it that is there, in the form that CCSP stores. It is the JSON form of proto3 with
 * one difference: a duration is an object with its two fields, as every release has written it. So zeros, empty texts
 * and empty lists are absent, a 64-bit integer is a text, and an enum is its whole name. `fromStoredJson` reads it.
 */
export const toStoredJson = (typeName: string, message: object): Json =>
  messageWriter(messageNamed(typeName), STORED)(message);

/** Makes the JSON of a value that is there. */
type Write = (value: unknown) => Json;
/** Puts the JSON of a member of a message, if it is there, into the JSON of the message. */
type WriteMember = (message: Readonly<Record<string, unknown>>, json: Record<string, Json>) => void;

/** What differs between the two forms. The writers of messages are made once, because each event is written so. */
interface Form {
  /** Whether a field that has its default is absent. */
  readonly sparse: boolean;
  readonly long: (value: bigint) => Json;
  readonly enum: (type: DescEnum) => (value: number) => Json;
  readonly messages: Map<string, Write>;
}

const writeTime: Write = (time) => Object(time).toISOString();

const SHOWN: Form = {
  sparse: false,
  long: (value) => (Number.isSafeInteger(Number(value)) ? Number(value) : value.toString()),
  enum: (type) => {
    const names = enumNames(type);
    return (value) => names.get(value) ?? value;
  },
  messages: new Map([
    ["google.protobuf.Timestamp", writeTime],
    ["google.protobuf.Duration", (duration) => durationSeconds(Object(duration))],
  ]),
};

const STORED: Form = {
  sparse: true,
  long: String,
  enum: (type) => (value) => type.value[value]?.name ?? value,
  messages: new Map([["google.protobuf.Timestamp", writeTime]]),
};

function messageWriter(type: DescMessage, form: Form): Write {
  const known = form.messages.get(type.typeName);
  if (known) return known;
  // A message can have a field of its own type, so the members wait for the first message.
  let members: WriteMember[] | undefined;
  const write: Write = (message) => {
    members ??= type.members.map((member) =>
      member.kind === "oneof" ? oneofWriter(member, form) : fieldWriter(member, form),
    );
    const json: Record<string, Json> = {};
    for (const member of members) member(Object(message), json);
    return json;
  };
  form.messages.set(type.typeName, write);
  return write;
}

function oneofWriter({ localName, fields }: DescOneof, form: Form): WriteMember {
  const writers = new Map(
    fields.map((field) => [field.localName, [field.jsonName, valueWriter(field, form)] as const]),
  );
  return (message, json) => {
    const { $case, value } = Object(message[localName]);
    const [name, write] = writers.get($case) ?? [];
    if (name !== undefined && write) json[name] = write(value);
  };
}

function fieldWriter(field: DescField, form: Form): WriteMember {
  const { localName, jsonName } = field;
  const hasDefault = field.presence === FeatureSet_FieldPresence.IMPLICIT;
  const write = valueWriter(field, form);
  return (message, json) => {
    const value = message[localName];
    if (value === undefined || (form.sparse && hasDefault && isDefault(value))) return;
    json[jsonName] = write(value);
  };
}

function isDefault(value: unknown): boolean {
  if (value instanceof Uint8Array) return value.length === 0;
  if (typeof value === "object") return Object.keys(Object(value)).length === 0;
  return value === "" || value === 0 || value === 0n || value === false;
}

function valueWriter(field: DescField, form: Form): Write {
  const write = itemWriter(field, form);
  if (field.fieldKind === "list") return (items) => (Array.isArray(items) ? items.map(write) : []);
  if (field.fieldKind !== "map") return write;
  return (map) => Object.fromEntries(Object.entries(Object(map)).map(([key, item]) => [key, write(item)]));
}

function itemWriter({ enum: values, message }: DescField, form: Form): Write {
  if (values) {
    const write = form.enum(values);
    return (value) => write(Number(value));
  }
  return message && !isWrapperDesc(message) ? messageWriter(message, form) : (value) => scalarJson(value, form);
}

function scalarJson(value: unknown, form: Form): Json {
  if (typeof value === "bigint") return form.long(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  // JSON has no such numbers; proto3 has these words for them.
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  return typeof value === "boolean" ? value : String(value);
}

const LONGS: ReadonlySet<ScalarType> = new Set([
  ScalarType.INT64,
  ScalarType.UINT64,
  ScalarType.SINT64,
  ScalarType.FIXED64,
  ScalarType.SFIXED64,
]);

/** Whether a scalar may be an integer that a double cannot hold. */
export const isLong = (scalar: ScalarType): boolean => LONGS.has(scalar);
