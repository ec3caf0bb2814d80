/** What makes a terminal do something: control characters, C1 among them, what turns the direction of text, and line separators. */
const CONTROLS = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;
/** The same for text of many lines, where line ends, tabs and the marks of right-to-left scripts belong. */
const CONTROLS_IN_TEXT = /\r(?!\n)|(?![\r\n\t\u061C\u200E\u200F\u2028\u2029])[\p{Cc}\p{Bidi_Control}]/gu;

const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** As JSON writes it, so that JSON stays JSON of the same value. */
const escaped = (character: string): string =>
  SHORT[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** A field or a line for people: what others chose to be in it is shown, and neither ends the line nor steers the terminal. */
export const printable = (line: string): string => line.replaceAll(CONTROLS, escaped);

/** Text of many lines for a terminal, such as an engine's answer. */
export const printableText = (text: string): string => text.replaceAll(CONTROLS_IN_TEXT, escaped);
