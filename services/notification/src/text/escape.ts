import type { Format } from "../domain/channel.js";

/** A character without width: it keeps GitHub from making a mention, a link or a reference of the text after it. */
const ZERO_WIDTH = "\u200b";

const HTML: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** Slack has no escape for these. They are markup at the edge of a word, and a mark of code everywhere. */
const SLACK_MARKS = /`|(?<![\p{L}\p{N}])[*_~]|[*_~](?![\p{L}\p{N}])/gu;

const forSlack = (text: string): string => text.replace(/[&<>]/g, (each) => HTML[each] ?? each);

/** Text of others in prose. */
const PROSE: Readonly<Record<Format, (text: string) => string>> = {
  text: (text) => text,
  html: (text) => text.replace(/[&<>"']/g, (each) => HTML[each] ?? each),
  // https://docs.slack.dev/messaging/formatting-message-text#escaping
  slack: (text) => forSlack(text).replace(SLACK_MARKS, `${ZERO_WIDTH}$&${ZERO_WIDTH}`),
  // https://spec.commonmark.org/0.31.2/#backslash-escapes and
  // https://docs.github.com/en/get-started/writing-on-github/working-with-advanced-formatting/autolinked-references-and-urls
  markdown: (text) =>
    text
      .replace(/[\\`*_{}[\]()<>#+\-!|~&$^=]/g, "\\$&")
      .replace(/@|:\/\/|www\./gi, `$&${ZERO_WIDTH}`)
      .replace(/\\#/g, `\\#${ZERO_WIDTH}`)
      .replace(/\bGH\\-/g, `GH\\-${ZERO_WIDTH}`),
};

/** Text in marks of code, in which no format knows markup, mentions or links. It must hold no backtick. */
const CODE: Readonly<Record<Format, (text: string) => string>> = {
  text: (text) => `\`${text}\``,
  html: (text) => `<code>${PROSE.html(text)}</code>`,
  slack: (text) => `\`${forSlack(text)}\``,
  markdown: (text) => `\`${text}\``,
};

/**
 * Returns one line of others' text so that it is only text in this format: it makes no markup, no mention of a person
 * and no link. A name that would need a character without width is in marks of code instead, so that it can be copied.
 */
export function escaped(text: string, format: Format): string {
  const prose = PROSE[format](text);
  return prose.includes(ZERO_WIDTH) && /^[^\s`|]+$/.test(text) ? CODE[format](text) : prose;
}

/**
 * Returns the text in the format. What it has between two backticks is code, for example a command to copy. The rest is
 * escaped by `prose`.
 */
export function withCode(
  text: string,
  { prose, code }: { readonly prose: (text: string) => string; readonly code: (text: string) => string },
): string {
  const parts = text.split("`");
  // The last backtick of an odd number of them begins nothing.
  const whole = parts.length % 2 === 1 ? parts : [...parts.slice(0, -2), parts.slice(-2).join("`")];
  return whole.map((part, at) => (at % 2 === 1 ? code(part) : prose(part))).join("");
}

export const codeIn = (format: Format): ((text: string) => string) => CODE[format];

/** A value as one word of a command line, as a shell reads it. */
export const shellWord = (value: string): string => {
  const plain = value.replaceAll("`", "");
  return /^[\w@%+=:,./-]+$/.test(plain) ? plain : `'${plain.replaceAll("'", "")}'`;
};
