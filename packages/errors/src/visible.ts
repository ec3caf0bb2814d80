/**
 * Characters that a reader does not see and that control a terminal, a log or the direction of writing. These are
 * control characters (C0 with CR, LF and ESC; DEL; C1), line and paragraph separators, and the marks of bidirectional
 * text (Unicode's Bidi_Control).
 */
const UNSEEN = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u;
const UNSEEN_IN_LINES = /(?![\n\t])[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;

/** Whether every character of a text is visible. Names must pass this check. */
export const isVisible = (text: string): boolean => !UNSEEN.test(text);

/** States the rule of `isVisible`, for the description of a field that breaks it. */
export const VISIBLE_RULE = "has an invisible character, such as a line end, an escape or a mark of writing direction";

/**
 * Free text in a form that is safe to show anywhere: line feeds and tabs stay, and every other invisible character
 * becomes its escape, such as `\u{1b}`.
 */
export function visible(text: string): string {
  return text.replaceAll(UNSEEN_IN_LINES, (each) => `\\u{${each.codePointAt(0)?.toString(16) ?? ""}}`);
}
