import type { Format } from "../domain/channel.js";

/** A character without width: it keeps GitHub from making a mention, a link or a reference of the text after it. */
const ZERO_WIDTH = "\u200b";

const HTML: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/**
 * Returns one line of others' text so that it is only text in this format: it makes no markup, no mention of a person
 * and no link.
 */
export const ESCAPES: Readonly<Record<Format, (text: string) => string>> = {
  text: (text) => text,
  html: (text) => text.replace(/[&<>"']/g, (each) => HTML[each] ?? each),
  // https://docs.slack.dev/messaging/formatting-message-text#escaping
  slack: (text) =>
    text
      .replace(/[&<>]/g, (each) => HTML[each] ?? each)
      // Slack has no escape for these: they are markup only at the edge of a word.
      .replace(/[*_~`]/g, (each) => `${ZERO_WIDTH}${each}${ZERO_WIDTH}`),
  // https://spec.commonmark.org/0.31.2/#backslash-escapes and
  // https://docs.github.com/en/get-started/writing-on-github/working-with-advanced-formatting/autolinked-references-and-urls
  markdown: (text) =>
    text
      .replace(/[\\`*_{}[\]()<>#+\-!|~&$^=]/g, "\\$&")
      .replace(/@|:\/\/|www\./gi, `$&${ZERO_WIDTH}`)
      .replace(/\\#/g, `\\#${ZERO_WIDTH}`)
      .replace(/\bGH\\-/g, `GH\\-${ZERO_WIDTH}`),
};
