import { invalidFields, type Refusal } from "@ccsp/errors";
import { Priority } from "@ccsp/protos/ccsp/task/v1/task.js";

type Fields = Readonly<Record<string, unknown>>;

/** The classes by the words of the predecessor, the first to start first. */
export const CLASSES: ReadonlyMap<string, Priority> = new Map([
  ["urgent", Priority.URGENT],
  ["high", Priority.HIGH],
  ["normal", Priority.NORMAL],
  ["low", Priority.LOW],
]);

export const wrong = (field: string, description: string): Refusal => invalidFields([{ field, description }]);

/** Reads a number, also one that a query has as text. */
export function numberIn(
  fields: Fields,
  field: string,
  { min, max, usual }: { min: number; max: number; usual: number },
) {
  const given = fields[field];
  if (given === undefined) return usual;
  const value = typeof given === "string" && given.trim() !== "" ? Number(given) : given;
  if (typeof value === "number" && value >= min && value <= max) return value;
  throw wrong(field, `is not a number from ${min} to ${max}`);
}

/** Reads a text. "" if it is missing. */
export function textIn(fields: Fields, field: string, most: number): string {
  const value = fields[field] ?? "";
  if (typeof value === "string" && value.length <= most) return value;
  throw wrong(field, `is not a text of at most ${most} characters`);
}

/** Reads a class in any case. Undefined if it is missing. */
export function classIn(fields: Fields, field: string): Priority | undefined {
  if (fields[field] === undefined) return undefined;
  const priority = CLASSES.get(textIn(fields, field, 16).toLowerCase());
  if (priority !== undefined) return priority;
  throw wrong(field, `must be one of ${[...CLASSES.keys()].join(", ")}`);
}

/** Reads a time, as RFC 3339 or as milliseconds since the epoch. */
export function timeIn(fields: Fields, field: string): Date | undefined {
  const value = fields[field];
  if (value === undefined || value === null) return undefined;
  const time = typeof value === "string" || typeof value === "number" ? new Date(value) : new Date(Number.NaN);
  if (!Number.isNaN(time.getTime())) return time;
  throw wrong(field, "is not a time: write RFC 3339, or milliseconds since 1970");
}
