/** A label as records and names in Redis have it: nothing in it needs to be escaped, and it has no "/". */
export const labelName = (key: string, value: string): string =>
  `${encodeURIComponent(key)}=${encodeURIComponent(value)}`;

/** The key and the value of a label's name. */
export function labelOf(name: string): readonly [key: string, value: string] {
  const [key = "", value = ""] = name.split("=").map(decodeURIComponent);
  return [key, value];
}
