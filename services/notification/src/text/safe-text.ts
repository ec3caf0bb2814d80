/**
 * Returns a text of others as one line without control characters, which must not reach a terminal or a header or break
 * a line. It is cut after `longest` characters.
 */
export function oneLine(text: string, longest = 200): string {
  const line = text.replace(/[\p{Cc}\p{Zl}\p{Zp}\s\u202a-\u202e\u2066-\u2069]+/gu, " ").trim();
  const characters = Array.from(line);
  return characters.length <= longest ? line : `${characters.slice(0, longest - 1).join("")}…`;
}

const MASK = "***";
/** Forms of secrets that providers document, and what people write before a secret. */
const SECRETS: readonly (readonly [RegExp, string])[] = [
  [/\bsk-[A-Za-z0-9_-]{16,}/g, MASK],
  [/\b(?:gh[opusr]_|github_pat_)[A-Za-z0-9_]{16,}/g, MASK],
  [/\bglpat-[A-Za-z0-9_-]{16,}/g, MASK],
  [/\bxox[a-z]-[A-Za-z0-9-]{10,}/g, MASK],
  [/\bwhsec_[A-Za-z0-9+/=]{16,}/g, MASK],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, MASK],
  [/\bAIza[A-Za-z0-9_-]{30,}/g, MASK],
  // A JWT, and any other JSON in base64: a form that also asks for the dots would read a long run again from each `eyJ`.
  [/\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+)*/g, MASK],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, MASK],
  [/\bhooks\.slack\.com\/services\/[A-Za-z0-9/]+/g, `hooks.slack.com/services/${MASK}`],
  [/(:\/\/)[^\s/@:]+:[^\s/@]+@/g, `$1${MASK}@`],
  [/\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi, `$1 ${MASK}`],
  [
    /\b((?:api[_-]?key|access[_-]?token|token|secret|password|passwd|passphrase)["']?\s*[:=]\s*["']?)[^\s"',;&]{4,}/gi,
    `$1${MASK}`,
  ],
];

/** Replaces what looks like a secret with `***`, in a time that grows in proportion to the text. */
export function maskSecrets(text: string): string {
  return SECRETS.reduce((masked, [form, mask]) => masked.replace(form, mask), text);
}
