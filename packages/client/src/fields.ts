import type { FieldViolation } from "@ccsp/errors";
import { toDuration } from "@ccsp/protos/duration.js";
import { InvalidTaskError } from "./errors.js";

/** A message with some of its fields, at any depth: what `fromPartial` takes. */
type DeepPartial<T> = T extends Date | Uint8Array | { readonly $case: string }
  ? T
  : T extends readonly (infer Item)[]
    ? DeepPartial<Item>[]
    : T extends object
      ? { [K in keyof T]?: DeepPartial<T[K]> }
      : T;

/** Says what is wrong with the type of a value. Undefined means that the type is right. */
type Check = (value: unknown) => string | undefined;

/** How a value of an input is checked, and how it becomes a part of the message. */
export interface Field<In, Out> {
  readonly check: Check;
  /** Faults of the fields inside a value. `path` is the path of the value. */
  readonly inside?: (value: unknown, path: string) => FieldViolation[];
  readonly message: (value: In) => Out;
}

/** Name of a field in the message. A time with the suffix `…Ms` is a Duration there and has no suffix. */
type MessageKey<K> = K extends `${infer Name}Ms` ? Name : K;

/** One row for each field of an input. `In` is the form that programs write, `Out` is the form in the message. */
export type Fields<In, Out> = {
  readonly [K in keyof In & string]-?: MessageKey<K> extends keyof Out
    ? Field<NonNullable<In[K]>, DeepPartial<NonNullable<Out[MessageKey<K>]>>>
    : never;
};

type AnyFields = Readonly<Record<string, Field<never, unknown>>>;

/** The message of an input that has no faults. A field that the input leaves out is left out of the message too. */
export function toMessage<In extends object, Out>(input: In, fields: Fields<In, Out>): DeepPartial<Out> {
  const rows: AnyFields = fields;
  const given = Object.entries(input).flatMap(([key, value]: [string, unknown]) =>
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the row of its own key: `Fields` says so
    value === undefined ? [] : [[key.replace(/Ms$/, ""), rows[key]?.message(value as never)]],
  );
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- likewise
  return Object.fromEntries(given) as DeepPartial<Out>;
}

/**
 * The request with these fields. Throws an InvalidTaskError that names every field of a wrong type. The server checks
 * whether the values are acceptable.
 */
export function toRequest<In extends object, Out>(input: In, fields: Fields<In, Out>): DeepPartial<Out> {
  refuse("request", faultsOf(input, fields));
  return toMessage(input, fields);
}

/** Throws an InvalidTaskError that names all faults, if there are any. `what` is what has the faults. */
export function refuse(what: string, fields: readonly FieldViolation[]): void {
  if (fields.length === 0) return;
  const said = fields.map(({ field, description }) => `${field}: ${description}`).join("; ");
  throw new InvalidTaskError("INVALID_FIELD", `invalid ${what}: ${said}`, { fields });
}

/** Every field of `input` that is unknown or has a wrong type. `whole` is what `input` is, for messages. */
export function faultsOf(input: object, fields: AnyFields, path = "", whole = "a task"): FieldViolation[] {
  return Object.entries(input).flatMap(([key, value]: [string, unknown]) => {
    const at = `${path}${key}`;
    const row = Object.hasOwn(fields, key) ? fields[key] : undefined;
    if (!row) return [{ field: at, description: `${at} is not a field of ${whole}` }];
    if (value === undefined) return [];
    const fault = row.check(value);
    const own = fault === undefined ? [] : [{ field: apiName(at), description: `${at} ${fault}` }];
    return [...own, ...(row.inside?.(value, at) ?? [])];
  });
}

/**
 * Name in the API: `limits.wallTimeMs` becomes `limits.wall_time`. The index of a list item is not part of the
 * name.
 */
const apiName = (path: string): string =>
  path
    .replaceAll(/\[\d+\]/g, "")
    .replace(/Ms$/, "")
    .replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** A value that the call itself checks. */
export const anything: Field<unknown, never> = {
  check: () => undefined,
  message: () => {
    throw new Error("it is not part of the message");
  },
};

const as = <T>(check: Check): Field<T, T> => ({ check, message: (value) => value });

const isText: Check = (value) => (typeof value === "string" ? undefined : `is not a string but ${kindOf(value)}`);
const isNumber: Check = (value) => (Number.isFinite(value) ? undefined : `is not a number but ${kindOf(value)}`);
const isInteger: Check = (value) =>
  Number.isSafeInteger(value) ? undefined : (isNumber(value) ?? "is not a whole number");

export const text = as<string>(isText);
export const number = as<number>(isNumber);
export const flag = as<boolean>((value) =>
  typeof value === "boolean" ? undefined : `is not true or false but ${kindOf(value)}`,
);

/** The type on the wire is 32 bits wide. A larger number would arrive as another number. */
export const int32 = as<number>(
  (value) => isInteger(value) ?? (Math.abs(Number(value)) < 2 ** 31 ? undefined : "is larger than any limit"),
);

export const int64: Field<number, bigint> = { check: isInteger, message: BigInt };

const FIRST_MS = Date.parse("0001-01-01T00:00:00Z");
const LAST_MS = Date.parse("9999-12-31T23:59:59.999Z");

export const date = as<Date>((value) => {
  if (!(value instanceof Date)) return `is not a Date but ${kindOf(value)}`;
  const ms = value.getTime();
  if (Number.isNaN(ms)) return "is not a valid time";
  // A Timestamp has the years 1 to 9999. The gateway could not read the whole call with another one.
  return ms < FIRST_MS || ms > LAST_MS ? "is not in the years 1 to 9999" : undefined;
});

/** Milliseconds. */
export const duration: Field<number, ReturnType<typeof toDuration>> = {
  check: isInteger,
  // The server refuses negative times.
  message: toDuration,
};

/** A number for which a gateway of 0.2.0 takes 0 as no bound at all. The server refuses negative numbers. */
export const above0 = <Out>({ check, message }: Field<number, Out>): Field<number, Out> => ({
  check: (value) =>
    check(value) ?? (value === 0 ? "is 0: leave it out for the default of the installation" : undefined),
  message,
});

export const bytes: Field<Uint8Array | string, Buffer> = {
  check: (value) => (value instanceof Uint8Array ? undefined : isText(value)),
  message: (value) => Buffer.from(value),
};

const isObject: Check = (value) => (isRecord(value) ? undefined : `is not an object but ${kindOf(value)}`);

export const texts = as<Readonly<Record<string, string>>>((value) => {
  if (!isRecord(value)) return isObject(value);
  const bad = Object.entries(value).find(([, item]) => typeof item !== "string");
  return bad && `has a value under ${JSON.stringify(bad[0])} that is not a string but ${kindOf(bad[1])}`;
});

/**
 * `offered`: the words that a fault names. Some other words are accepted only for programs that use an older spelling.
 */
export function oneOf<W extends string, Out>(
  words: Readonly<Record<W, Out>>,
  offered: readonly string[] = Object.keys(words),
): Field<W, Out> {
  return {
    check: (value) =>
      typeof value === "string" && Object.hasOwn(words, value) ? undefined : `is not one of ${offered.join(", ")}`,
    message: (word) => words[word],
  };
}

export function listOf<In, Out>(item: Field<In, Out>): Field<readonly In[], Out[]> {
  const check: Check = (value) => {
    if (!Array.isArray(value)) return `is not an array but ${kindOf(value)}`;
    const at = value.findIndex((each) => item.check(each) !== undefined);
    return at < 0 ? undefined : `has an item ${at} that ${item.check(value[at])}`;
  };
  return {
    check,
    inside: (value, path) =>
      Array.isArray(value) ? value.flatMap((each, i) => item.inside?.(each, `${path}[${i}]`) ?? []) : [],
    message: (items) => items.map((each) => item.message(each)),
  };
}

/** An object that has its own fields. */
export function part<In extends object, Out>(fields: Fields<In, Out>): Field<In, DeepPartial<Out>> {
  return {
    check: isObject,
    inside: (value, path) => (isRecord(value) ? faultsOf(value, fields, `${path}.`) : []),
    message: (value) => toMessage(value, fields),
  };
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
