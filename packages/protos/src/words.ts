/** The word of a name: `park-running` of `PARK_RUNNING`. */
type Word<Name extends string> = Name extends `${infer First}_${infer Rest}`
  ? `${Lowercase<First>}-${Word<Rest>}`
  : Lowercase<Name>;

/** The names of the values of a generated enum. */
export type Names<Enum> = Exclude<keyof Enum & string, "UNSPECIFIED" | "UNRECOGNIZED">;

/** The values of a generated enum by their words. */
export type Words<Enum> = { readonly [Name in Names<Enum> as Word<Name>]: Enum[Name] };

/**
 * The values of a generated enum by the words that stand for them outside of protos: in code, in what is stored, and for
 * people. A word is the name in small letters with `-`, in the order of the proto. "Not specified" has no word.
 */
export function wordsOf<Enum extends object>(generated: Enum): Words<Enum> {
  const words = Object.entries(generated).flatMap(([name, value]: [string, unknown]) =>
    typeof value !== "number" || name === "UNSPECIFIED" || name === "UNRECOGNIZED"
      ? []
      : [[name.toLowerCase().replaceAll("_", "-"), value]],
  );
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the type says the same
  return Object.fromEntries(words) as Words<Enum>;
}

/** The word of a value. Undefined for a value that this version does not know, and for one that is not specified. */
export function wordOf<W extends string>(words: Readonly<Record<W, number>>, value: number): W | undefined {
  for (const word in words) if (words[word] === value) return word;
  return undefined;
}
