/**
 * Characters that make a terminal do something: control characters (including C1), marks that change the direction of
 * text, and line separators.
 */
const CONTROLS = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;
/**
 * The same for text of several lines. There, line ends, tabs and the marks of right-to-left scripts are normal text.
 */
const CONTROLS_IN_TEXT = /\r(?!\n)|(?![\r\n\t\u061C\u200E\u200F\u2028\u2029])[\p{Cc}\p{Bidi_Control}]/gu;

const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** Escapes a character as JSON does, so that JSON text keeps its value. */
const escaped = (character: string): string =>
  SHORT[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

/**
 * A field or a line for people. Text from others is shown in full, but it can neither end the line nor control the
 * terminal.
 */
export const printable = (line: string): string => line.replaceAll(CONTROLS, escaped);

/** Text of several lines for a terminal, such as the answer of an engine. */
export const printableText = (text: string): string => text.replaceAll(CONTROLS_IN_TEXT, escaped);
