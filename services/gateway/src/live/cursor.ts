import { invalidFields } from "@ccsp/errors";

/** Ids of entries of the event stream, one for each partition. */
export type Position = readonly string[];

const ID = /^([0-9a-z]{1,10})-([0-9a-z]{1,10})$/;

/** A position as a text for clients. They may only give it back. It means the same at every gateway. */
export const cursorOf = (position: Position): string => position.map(encode).join(".");

/**
 * Reads a cursor of a client. Undefined: it is from another number of partitions, so nobody knows what comes after it.
 * Refuses a text that is not a cursor with INVALID_FIELD.
 */
export function positionOf(cursor: string, partitions: number): Position | undefined {
  const ids = cursor.split(".", MAX_PARTITIONS + 1).map(decode);
  const known = ids.filter((id) => id !== undefined);
  if (known.length !== ids.length || ids.length > MAX_PARTITIONS)
    throw invalidFields([{ field: "after", description: "is not a cursor of this gateway" }]);
  return known.length === partitions ? known : undefined;
}

/** More than CCSP_QUEUE_SHARDS allows. */
const MAX_PARTITIONS = 64;

// The ids are mostly times, which are a third shorter with base 36. Each event carries its cursor.
const encode = (id: string): string =>
  id
    .split("-")
    .map((part) => BigInt(part).toString(36))
    .join("-");

function decode(text: string): string | undefined {
  const [, ms, at] = ID.exec(text) ?? [];
  return ms === undefined || at === undefined ? undefined : `${Number.parseInt(ms, 36)}-${Number.parseInt(at, 36)}`;
}
