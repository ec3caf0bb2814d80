import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
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
export function toJson(typeName: string, message: object): Json {
  return messageJson(messageNamed(typeName), message);
}

function messageJson(type: DescMessage, message: object): Json {
  const wellKnown = WELL_KNOWN[type.typeName];
  if (wellKnown !== undefined) return wellKnown(message);
  const json: [string, Json][] = [];
  for (const member of type.members) {
    const value: unknown = Reflect.get(message, member.localName);
    if (value === undefined) continue;
    if (member.kind !== "oneof") json.push([member.jsonName, fieldJson(member, value)]);
    else {
      const { $case, value: chosen } = chosenOf(value);
      const field = member.fields.find(({ localName }) => localName === $case);
      if (field) json.push([field.jsonName, fieldJson(field, chosen)]);
    }
  }
  return Object.fromEntries(json);
}

function chosenOf(value: unknown): { readonly $case: unknown; readonly value: unknown } {
  const chosen = Object(value);
  return { $case: chosen.$case, value: chosen.value };
}

function fieldJson(field: DescField, value: unknown): Json {
  if (field.fieldKind === "list") return Array.isArray(value) ? value.map((item) => itemJson(field, item)) : [];
  if (field.fieldKind === "map") {
    return Object.fromEntries(Object.entries(Object(value)).map(([key, item]) => [key, itemJson(field, item)]));
  }
  return itemJson(field, value);
}

function itemJson(field: DescField, value: unknown): Json {
  if (field.enum !== undefined) return enumNames(field.enum).get(Number(value)) ?? Number(value);
  if (field.message !== undefined) {
    return isWrapped(field.message) ? scalarJson(value) : messageJson(field.message, Object(value));
  }
  return scalarJson(value);
}

/** For example a DoubleValue. The generated code has its value itself in its place. */
export const isWrapped = ({ typeName }: DescMessage): boolean => /^google\.protobuf\.[A-Za-z0-9]+Value$/.test(typeName);

function scalarJson(value: unknown): Json {
  if (typeof value === "bigint") {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value.toString();
  }
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  // JSON has no such numbers; proto3 has these words for them.
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  return typeof value === "boolean" ? value : String(value);
}

const WELL_KNOWN: Readonly<Record<string, (message: object) => Json>> = {
  "google.protobuf.Timestamp": (time) => Object(time).toISOString(),
  "google.protobuf.Duration": (duration) => durationSeconds(Object(duration)),
};

/** Whether a scalar may be an integer that a double cannot hold. */
export const isLong = (scalar: ScalarType): boolean =>
  [ScalarType.INT64, ScalarType.UINT64, ScalarType.SINT64, ScalarType.FIXED64, ScalarType.SFIXED64].includes(scalar);
