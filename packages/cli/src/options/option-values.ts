import { parseDuration } from "@ccsp/config";
import { InvalidArgumentError } from "commander";

/** For commander, like the other functions here: converts the text of an option to its value. */
export function number(value: string): number {
  const parsed = Number(value);
  if (value.trim() === "" || !Number.isFinite(parsed))
    throw new InvalidArgumentError("It is not a number, such as 0.50.");
  return parsed;
}

/** Refuses an empty text: an empty variable in a script does not mean the default. */
export function someText(value: string): string {
  if (value.trim() === "") throw new InvalidArgumentError("It is empty: leave the option out for the default.");
  return value;
}

/** A whole number of at most 32 bits, as the wire has them. */
export function wholeNumber(min = 0): (value: string) => number {
  return (value) => {
    const parsed = number(value);
    if (Number.isInteger(parsed) && parsed >= min && parsed < 2 ** 31) return parsed;
    throw new InvalidArgumentError(`It is not a whole number from ${min}.`);
  };
}

/** As `durationMs`, but at least a second. */
export function secondsOrMore(value: string): number {
  const ms = durationMs(value);
  if (ms < 1000) throw new InvalidArgumentError("It is shorter than a second.");
  return ms;
}

/** `90s`, `10m`, `2h` or `7d` in milliseconds. */
export function durationMs(value: string): number {
  const ms = parseDuration(value);
  if (ms === undefined) throw new InvalidArgumentError("Write it as 90s, 10m, 2h or 7d.");
  return ms;
}

export function label(value: string, labels: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = value.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("Write it as key=value.");
  return { ...labels, [value.slice(0, at)]: value.slice(at + 1) };
}

/** A time in the past: `2026-01-31T09:00Z`, or `2h` for two hours ago. */
export const timeAgo = (value: string): Date => time(value, -1);

/** A time in the future: `2026-01-31T09:00Z`, or `2h` for two hours from now. */
export const timeAhead = (value: string): Date => time(value, 1);

function time(value: string, sign: 1 | -1): Date {
  const ms = parseDuration(value);
  const date = /^\d{4}-\d\d-\d\d/.test(value) ? Date.parse(value) : Number.NaN;
  const at = ms === undefined ? date : Date.now() + sign * ms;
  if (!Number.isNaN(at)) return new Date(at);
  throw new InvalidArgumentError(
    `Write it as 2026-01-31T09:00Z, or as 2h for ${sign < 0 ? "two hours ago" : "in two hours"}.`,
  );
}

/**
 * One of these names, in upper or lower case, or several with commas. The option may be repeated. The completion of
 * shells reads `choices`.
 */
export function oneOf<T extends string>(
  names: readonly T[],
): ((value: string, before?: readonly T[]) => readonly T[]) & { readonly choices: readonly T[] } {
  const one = (value: string): T => {
    const name = names.find((each) => each.toLowerCase() === value.trim().toLowerCase());
    if (name === undefined) throw new InvalidArgumentError(`It must be one of ${names.join(", ")}.`);
    return name;
  };
  const read = (value: string, before: readonly T[] = []) => [...before, ...value.split(",").map(one)];
  return Object.assign(read, { choices: names });
}

/** An IANA time zone. Not an offset such as `+02:00`: the services refuse it. */
export function timeZone(value: string): string {
  try {
    if (!/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(value)) throw new RangeError("is not a name");
    new Date().toLocaleString("en", { timeZone: value });
    return value;
  } catch {
    throw new InvalidArgumentError("Write it as an IANA name, such as Asia/Tokyo or UTC.");
  }
}

type Named<E> = Exclude<keyof E, "UNSPECIFIED" | "UNRECOGNIZED"> & string;

/** The names of an enum of the contract that a user may give. */
export function namesOf<E extends object>(named: E): readonly Named<E>[] {
  return Object.keys(named).filter(
    (name): name is Named<E> => /^[A-Z]/.test(name) && name !== "UNSPECIFIED" && name !== "UNRECOGNIZED",
  );
}
