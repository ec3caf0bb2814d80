/** The rest of a longer text is left out. */
const MOST_CHARS = 4_096;
const SAMPLE_CHARS = 300;
/** Words that often come before a secret. The secret may be a plain word too. */
const ANNOUNCES = /^(?:pass(?:word|phrase|wd)|secret|token|bearer|basic|credential|key)s?$/i;

/**
 * The part of an engine's own words that may be logged: plain English words and small numbers. Everything else (paths,
 * keys, names with digits, other scripts) becomes `…`. So do the word after one such as "password", and every word of
 * `hidden`, where the caller passes the prompts.
 */
export function redact(text: string, hidden: readonly string[]): string {
  const secret = new Set(hidden.flatMap((prompt) => prompt.toLowerCase().match(/[a-z]+/g) ?? []));
  const plain = (token: string): boolean =>
    /^(?:[A-Za-z]{1,15}|\d{1,3})$/.test(token) && !secret.has(token.toLowerCase());
  let announced = false;
  const shown = (token: string): boolean => {
    const show = plain(token) && !announced;
    announced = ANNOUNCES.test(token);
    return show;
  };
  return text
    .slice(0, MOST_CHARS)
    .replaceAll(/[^\s"'`()[\]{}<>,;:!?]+/g, (token) => {
      const bare = token.replace(/\.+$/, "");
      return shown(bare) ? token : "…";
    })
    .replaceAll(/…(?:[\s\p{P}]*…)+/gu, "…")
    .slice(0, SAMPLE_CHARS);
}
