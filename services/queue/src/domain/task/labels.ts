/**
 * The name of a label in records and in Redis. It has no "/", and no character of it needs escaping.
 * Without a value, it is the part before "=" of all labels with this key.
 */
export const labelName = (key: string, value?: string): string =>
  value === undefined ? encodeURIComponent(key) : `${encodeURIComponent(key)}=${encodeURIComponent(value)}`;

/** The key and the value of a label's name. */
export function labelOf(name: string): readonly [key: string, value: string] {
  const [key = "", value = ""] = name.split("=").map(decodeURIComponent);
  return [key, value];
}
