/**
 * The word for the value of an enum. `unknown`: the value is newer than this client, or the gateway does not know it
 * either.
 */
export function wordOf<W extends string>(words: Readonly<Record<W, number>>, value: number): W | "unknown" {
  for (const word in words) if (words[word] === value) return word;
  return "unknown";
}
