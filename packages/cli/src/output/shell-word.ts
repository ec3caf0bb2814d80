/** A word of a shell command. */
export const quoted = (word: string): string =>
  /^[A-Za-z0-9_/.@%+=:,-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
