import type { FieldViolation } from "@ccsp/errors";

/** Says what is wrong with a value's type; undefined: nothing. */
export type Check = (value: unknown) => string | undefined;

/** A field of an input: its name in the API, and its check. */
export type Fields<T> = Readonly<Record<keyof T & string, readonly [string, Check]>>;

export const text: Check = (value) => (typeof value === "string" ? undefined : `is not a string but ${kindOf(value)}`);

export const number: Check = (value) => (Number.isFinite(value) ? undefined : `is not a number but ${kindOf(value)}`);

export const integer: Check = (value) =>
  Number.isSafeInteger(value) ? undefined : (number(value) ?? "is not a whole number");

/** The wire type is 32 bits wide: a larger number would arrive as another one. */
export const int32: Check = (value) =>
  integer(value) ?? (Math.abs(Number(value)) < 2 ** 31 ? undefined : "is larger than any limit");

export const flag: Check = (value) =>
  typeof value === "boolean" ? undefined : `is not true or false but ${kindOf(value)}`;

export const date: Check = (value) => {
  if (!(value instanceof Date)) return `is not a Date but ${kindOf(value)}`;
  return Number.isNaN(value.getTime()) ? "is not a valid time" : undefined;
};

export const record: Check = (value) => (isRecord(value) ? undefined : `is not an object but ${kindOf(value)}`);

export const texts: Check = (value) => {
  if (!isRecord(value)) return record(value);
  const bad = Object.entries(value).find(([, item]) => typeof item !== "string");
  return bad && `has a value under ${JSON.stringify(bad[0])} that is not a string but ${kindOf(bad[1])}`;
};

export const oneOf =
  (names: readonly string[]): Check =>
  (value) =>
    typeof value === "string" && names.includes(value) ? undefined : `is not one of ${names.join(", ")}`;

export const listOf =
  (item: Check): Check =>
  (value) => {
    if (!Array.isArray(value)) return `is not an array but ${kindOf(value)}`;
    const at = value.findIndex((each) => item(each) !== undefined);
    return at < 0 ? undefined : `has an item ${at} that ${item(value[at])}`;
  };

/** Every field of `input` that is of a wrong type or not known. */
export function check(
  input: object,
  known: Readonly<Record<string, readonly [string, Check]>>,
  prefix = "",
): FieldViolation[] {
  return Object.entries(input).flatMap(([key, value]) => {
    const row = Object.hasOwn(known, key) ? known[key] : undefined;
    if (!row) return [{ field: `spec.${prefix}${key}`, description: `${prefix}${key} is not a field of a task` }];
    const fault = value === undefined ? undefined : row[1](value);
    return fault === undefined ? [] : [{ field: row[0], description: `${prefix}${key} ${fault}` }];
  });
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
